package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
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
	events  float64 // how full the event stream is
	// event is the event stream, where there is one.
	event *sighting
	// gone are the events that are missing, once that was seen; empty: none.
	gone        string
	eventStream string
	// refused: the event stream had no room for an event, and has stored none since.
	refused bool
	// captured are the streams of others that answer requests beside the bridge.
	captured []string
	// consumers are those that are worked on; unseen: not all of them could be looked at.
	consumers []consumerSight
	unseen    bool
	// limits are what each stream sets for its consumers.
	limits map[string]jetstream.StreamConsumerLimits
	// deaf: the leader answers reads, but has not taken appends; refusal says why.
	deaf    bool
	refusal string

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
	// A reconnect may have led to another server.
	if err := b.ServerFault(); err != nil {
		s.silent = err.Error()
		return s
	}
	// Before the streams are looked at: what was refused until then shows in how full
	// they are.
	s.deaf, s.refusal = b.watched.unanswered(time.Now()), b.watched.refused()
	s.refused = b.watched.lacking(time.Now())
	if err := b.lookAtStreams(ctx, streams, &s); err != nil {
		s.silent, s.lost = err.Error(), err.Error()
		s.connected = b.nc.IsConnected()
	}
	return s
}

func (b *Bus) lookAtStreams(ctx context.Context, streams []jetstream.StreamConfig, s *sight) error {
	account, err := b.accountUse(ctx)
	if err != nil {
		return err
	}
	s.account = account
	captured, err := b.requestsCaptured(ctx)
	if _, denied := errors.AsType[*deniedError](err); err != nil && !denied {
		return err
	}
	s.captured = sharing(captured)
	acked := b.acked.Load()
	s.limits = map[string]jetstream.StreamConsumerLimits{}
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
		s.limits[want.Name] = info.Config.ConsumerLimits
		if want.Name == b.subjects.EventStream() {
			s.event = &sighting{info: info, acked: acked, now: timeOf(info)}
		}
		if found := compare(info.Config, want); len(found) > 0 {
			s.differ = append(s.differ, differing{info.Config, want, found})
		}
		if want.Discard == jetstream.DiscardNew { // else the oldest gives way
			if want.Name == b.subjects.EventStream() {
				s.events = fill(info)
			}
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
	switch name {
	case b.subjects.EventStream(), objectStream(b.subjects.ResponseBucket()):
		b.quorumOf(name).note(stream.CachedInfo())
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

func names(streams []jetstream.StreamConfig) []string {
	list := make([]string, 0, len(streams))
	for _, s := range streams {
		list = append(list, s.Name)
	}
	return list
}
