package bus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// WatchOptions configure Watch.
type WatchOptions struct {
	// Streams are the streams as given to Ensure.
	Streams StreamOptions
	// Every is the time between two looks, with a little jitter. Zero: 5 s. Pauses
	// between two attempts to mend the same thing grow from twice to 64 times it, those
	// between two new starts of the embedded server from half of it to 8 times it.
	Every time.Duration
	// Observe, if not nil, is called at the start with false for every trouble, and
	// then whenever one begins or ends. Nothing is looked at while it runs.
	Observe func(Trouble, bool)
}

// Watch looks at NATS until ctx ends: at regular times, and at once after a
// reconnect or a word from the server about a stream. It logs each trouble once
// when it begins and once when it ends, and mends what it can:
//
//   - A stream that is surely gone is made anew, empty.
//   - A changed setting that the bridge's promises rest on is set back where the
//     server lets it be. While such a setting of the event stream differs, Append
//     refuses; while one of the inventory stream does, CommitInventory.
//   - A consumer that Consume works on and that somebody changed or deleted is set back
//     or made again. A pause of one is reported and left alone: it may be wanted.
//   - An embedded server whose store failed is started anew once there is space
//     on its disk. Until then both refuse.
//   - Where events are missing from the event stream Append refuses for good: a
//     process that is started again asks how to go on.
//   - A connection to an external server without an answer is made anew, to
//     another server where there are several.
//
// Settings that only bound what is kept are reported and left alone. One Watch
// runs per Bus.
func (b *Bus) Watch(ctx context.Context, o WatchOptions) error {
	if o.Every == 0 {
		o.Every = 5 * time.Second
	}
	if o.Observe == nil {
		o.Observe = func(Trouble, bool) {}
	}
	w := &watch{
		b: b, every: o.Every, streams: declared(b.subjects, o.Streams),
		barred:   map[string]string{},
		standing: standing{b: b, observe: o.Observe, since: map[Trouble]time.Time{}},
	}
	w.paces(o.Every)
	for _, stream := range w.streams {
		// The server tells when a stream is changed, deleted or has a new leader.
		sub, err := b.nc.Subscribe("$JS.EVENT.ADVISORY.STREAM.*."+stream.Name, func(*nats.Msg) { b.watched.poke() })
		if err != nil {
			return fmt.Errorf("watch %s: %w", stream.Name, err)
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	if b.server != nil {
		poke := b.watched.poke
		b.server.poke.Store(&poke)
	} else {
		// Where others have rights on the stream it is told at once what they do with it.
		sub, err := b.nc.Subscribe(apiAdvisories, func(m *nats.Msg) {
			if b.takesAway(m.Data) {
				b.watched.poke()
			}
		})
		if err != nil {
			return fmt.Errorf("watch %s: %w", apiAdvisories, err)
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	b.watched.running.Store(true)
	defer b.watched.end()
	for _, t := range AllTroubles() {
		o.Observe(t, false)
	}
	for ctx.Err() == nil {
		timer := time.NewTimer(w.once(ctx))
		select {
		case <-ctx.Done():
		case <-b.watched.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	w.end(ctx)
	return nil
}

// watch is one run of Watch.
type watch struct {
	b        *Bus
	every    time.Duration
	streams  []jetstream.StreamConfig
	standing standing

	now       map[Trouble]string // the troubles there are
	suspected map[Trouble]bool   // seen by the last look alone
	barred    map[string]string  // why nothing may be stored, by stream
	bounds    string             // the differing bounds that were told of

	recollection recollection

	gone          []string  // the consumers that the last look saw missing
	forbidden     time.Time // when the server last denied a look at a consumer
	toldForbidden bool

	restarts, makes, mends, moves, consumers pace
}

// once looks, tells what changed, mends what can be mended, and says when to
// look again.
func (w *watch) once(ctx context.Context) time.Duration {
	s := w.b.look(ctx, w.streams)
	if ctx.Err() != nil {
		return 0 // what was seen is the end
	}
	for _, f := range s.filled {
		w.b.hooks.Filled(f.stream, f.part)
	}
	if s.known() {
		consumers, all := w.lookAtConsumers(ctx, s.limits)
		s.consumers, s.unseen = consumers, !all
	}
	doubt := w.recollect(ctx, &s)
	doubt = w.confirmMissing(&s) || doubt
	seen := judge(w.now, s)
	suspicion := w.confirm(seen) || doubt
	w.now = seen
	w.bar(s)
	w.standing.turn(ctx, seen)
	w.tellBounds(s)
	switch {
	case w.repair(ctx, s):
		return 0
	case suspicion:
		return w.every / 5
	default:
		return w.every - w.every/10 + rand.N(w.every/5) //nolint:gosec // replicas shall only not look all at once
	}
}

// confirm takes out of seen what only a second look in a row makes sure, since a
// server that is just starting, or is deleting a stream, may show the same. It
// reports whether there is such a thing.
func (w *watch) confirm(seen map[Trouble]string) bool {
	suspected := map[Trouble]bool{}
	for _, t := range []Trouble{StreamMissing, StoreFailed} {
		_, is := seen[t]
		if _, was := w.now[t]; is && !was && !w.suspected[t] {
			delete(seen, t)
			suspected[t] = true
		}
	}
	w.suspected = suspected
	return len(suspected) > 0
}

// bar refuses what is to be stored, or lets it, and new commands where the disk or
// the account is full.
func (w *watch) bar(s sight) {
	_, full := w.now[StorageFull]
	if s.known() || s.onDisk {
		switch {
		case s.lowDisk(full):
			w.b.usage.tight(1)
		case s.account >= threshold(full):
			w.b.usage.tight(max(s.account, fullFrom)) // until it is below fullTo
		default:
			w.b.usage.tight(0)
		}
	}
	if _, failed := w.now[StoreFailed]; failed || s.store == nil { // else it is only suspected
		for stream, why := range w.bars() {
			w.barred[stream] = s.barred(w.barred[stream], stream)
			why.Store(said(w.barred[stream]))
		}
	}
}

// bars gives where it is said, by stream, why nothing may be stored in it.
func (w *watch) bars() map[string]*atomic.Pointer[string] {
	return map[string]*atomic.Pointer[string]{
		w.b.subjects.EventStream():     &w.b.watched.barred,
		w.b.subjects.InventoryStream(): &w.b.watched.inventory,
	}
}

// said gives nil for an empty text.
func said(why string) *string {
	if why == "" {
		return nil
	}
	return &why
}

// tellBounds logs a new difference in what only bounds the streams, once.
func (w *watch) tellBounds(s sight) {
	if !s.known() {
		return
	}
	var list []string
	for _, d := range s.differ {
		if bounds := only(d.found, difference.bounds); len(bounds) > 0 {
			list = append(list, d.want.Name+": "+describe(bounds))
		}
	}
	text := strings.Join(list, "; ")
	if text != "" && text != w.bounds {
		w.b.log.Warn("a stream has other limits than declared; they are left as they are until the next start", "detail", text)
	}
	w.bounds = text
}
