package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A store is called full from fullFrom of its limit, until it is below fullTo.
const (
	fullFrom = 0.8
	fullTo   = 0.75
)

// sight is what one look at NATS found.
type sight struct {
	connected bool
	// lost says why it is not connected.
	lost string
	// silent says why JetStream counts as not answering; empty: it answers, and
	// the fields below it are known.
	silent  string
	missing []jetstream.StreamConfig
	differ  []differing
	filled  []filled
	account float64 // part of the account's limit that is used
	// deaf: the leader answers reads, but has not answered appends.
	deaf bool

	// Known of an embedded server, whether it answers or not. Where its store has
	// failed it is not asked.
	store  error
	disk   space
	onDisk bool // disk is known
}

// differing is a stream that is not as declared.
type differing struct {
	have, want jetstream.StreamConfig
	found      []difference
}

// filled is how full a stream is, 0 to 1.
type filled struct {
	stream string
	part   float64
}

// known reports whether it is known how the streams are.
func (s sight) known() bool { return s.connected && s.silent == "" && s.store == nil }

// look looks at the connection, the streams and the embedded server, changing
// nothing.
func (b *Bus) look(ctx context.Context, streams []jetstream.StreamConfig) sight {
	var s sight
	if b.server != nil {
		s.store = b.server.storeFault(names(streams))
		s.disk, s.onDisk = diskSpace(b.server.o.Dir)
	}
	if s.connected = b.nc.IsConnected(); !s.connected {
		s.lost = "the connection was closed"
		if err := b.nc.LastError(); err != nil {
			s.lost = err.Error()
		}
		return s
	}
	if s.store != nil {
		return s
	}
	if err := b.lookAtStreams(ctx, streams, &s); err != nil {
		s.silent, s.lost = err.Error(), err.Error()
		s.connected = b.nc.IsConnected()
	}
	s.deaf = b.watched.unanswered(time.Now())
	return s
}

func (b *Bus) lookAtStreams(ctx context.Context, streams []jetstream.StreamConfig, s *sight) error {
	account, err := b.accountUse(ctx)
	if err != nil {
		return err
	}
	s.account = account
	for _, want := range streams {
		info, err := b.streamInfo(ctx, want.Name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			s.missing = append(s.missing, want)
			continue
		case err != nil:
			return fmt.Errorf("stream %s: %w", want.Name, err)
		case info.Cluster != nil && info.Cluster.Leader == "":
			return fmt.Errorf("stream %s has no leader", want.Name)
		}
		if found := compare(info.Config, want); len(found) > 0 {
			s.differ = append(s.differ, differing{info.Config, want, found})
		}
		if want.Discard == jetstream.DiscardNew { // else the oldest gives way
			s.filled = append(s.filled, filled{want.Name, fill(info)})
		}
	}
	return nil
}

func (b *Bus) streamInfo(ctx context.Context, name string) (*jetstream.StreamInfo, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	return stream.CachedInfo(), nil
}

// accountUse gives which part of the account's disk limit is used.
func (b *Bus) accountUse(ctx context.Context) (float64, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	info, err := b.js.AccountInfo(ctx)
	if err != nil {
		return 0, fmt.Errorf("JetStream: %w", err)
	}
	used := part(float64(info.Store), info.Limits.MaxStore)
	for _, tier := range info.Tiers {
		used = max(used, part(float64(tier.Store), tier.Limits.MaxStore))
	}
	return used, nil
}

// bounds reports whether a setting only bounds how much is kept, how long, and on
// how many servers: it is the operator's at run time, and replicas that are set
// differently must not fight over it.
func (d difference) bounds() bool {
	switch d.name {
	case "max age", "max bytes", "duplicate window", "replicas":
		return true
	default:
		return false
	}
}

// bars reports whether nothing may be stored in the event stream under the
// difference: compare-and-set, or what an acknowledgement means, rests on it.
func (d difference) bars() bool {
	switch d.name {
	case "direct get", "atomic publish", "rollup":
		return false
	default:
		return !d.bounds()
	}
}

// matter are the differences that make a StreamDiffers.
func (d differing) matter() []difference {
	return only(d.found, func(d difference) bool { return !d.bounds() })
}

// judge gives the troubles there are, each with a detail, from those before and
// what was seen. What cannot be seen now stays as it was.
func judge(before map[Trouble]string, s sight) map[Trouble]string {
	now := map[Trouble]string{}
	put := func(t Trouble, details ...string) {
		switch was, is := before[t]; {
		case len(details) > 0:
			now[t] = strings.Join(details, "; ")
		case is && !s.known():
			now[t] = was
		}
	}
	switch {
	case !s.connected:
		now[Disconnected] = s.lost
	case s.silent != "":
		now[NoAnswer] = s.silent
	case s.deaf && s.store == nil:
		now[NoAnswer] = "it answers reads, but not appends"
	}
	put(StreamMissing, names(s.missing)...)
	var changes []string
	for _, d := range s.differ {
		if matter := d.matter(); len(matter) > 0 {
			changes = append(changes, d.want.Name+": "+describe(matter))
		}
	}
	put(StreamDiffers, changes...)
	_, was := before[StorageFull]
	put(StorageFull, s.full(was)...)
	if s.store != nil {
		now[StoreFailed] = s.store.Error()
	}
	return now
}

// full says what is full; was is whether something was so far.
func (s sight) full(was bool) []string {
	var list []string
	if s.lowDisk(was) {
		list = append(list, fmt.Sprintf("%d MiB are free on the disk of the data directory", s.disk.free>>20))
	}
	if s.account >= threshold(was) {
		list = append(list, fmt.Sprintf("%.0f %% of the account's storage is used", s.account*100))
	}
	for _, f := range s.filled {
		if f.part >= threshold(was) {
			list = append(list, fmt.Sprintf("stream %s is %.0f %% full", f.stream, f.part*100))
		}
	}
	return list
}

func (s sight) lowDisk(was bool) bool { return s.onDisk && s.disk.low(was) }

func threshold(was bool) float64 {
	if was {
		return fullTo
	}
	return fullFrom
}

// barred says why no append may be tried, empty where one may. before is what was
// said so far, for what cannot be seen now.
func (s sight) barred(before, eventStream string) string {
	if s.store != nil {
		return "the store of the NATS server has failed; ask again later"
	}
	if !s.known() {
		return before
	}
	for _, d := range s.differ {
		if d.want.Name == eventStream && slices.ContainsFunc(d.found, difference.bars) {
			return "the event stream is not configured as declared; ask again later"
		}
	}
	return ""
}

func names(streams []jetstream.StreamConfig) []string {
	list := make([]string, 0, len(streams))
	for _, s := range streams {
		list = append(list, s.Name)
	}
	return list
}
