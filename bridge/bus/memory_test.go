package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// takings are ways in which somebody with rights takes events away, of a stream with six.
func takings() map[string]func(context.Context, jetstream.JetStream, jetstream.Stream) error {
	purge := func(o ...jetstream.StreamPurgeOpt) func(context.Context, jetstream.JetStream, jetstream.Stream) error {
		return func(ctx context.Context, _ jetstream.JetStream, s jetstream.Stream) error { return s.Purge(ctx, o...) }
	}
	again := func(ctx context.Context, js jetstream.JetStream, s jetstream.Stream) error {
		if err := js.DeleteStream(ctx, eventStream); err != nil {
			return err
		}
		_, err := js.CreateStream(ctx, s.CachedInfo().Config)
		return err
	}
	return map[string]func(context.Context, jetstream.JetStream, jetstream.Stream) error{
		"purge":            purge(),
		"purge --seq":      purge(jetstream.WithPurgeSequence(4)),
		"purge --keep":     purge(jetstream.WithPurgeKeep(1)),
		"purge --subject":  purge(jetstream.WithPurgeSubject(events.Subjects{}.CommandFilter(numbered(2)))),
		"rmm of the first": func(ctx context.Context, _ jetstream.JetStream, s jetstream.Stream) error { return s.DeleteMsg(ctx, 1) },
		"rmm of one":       func(ctx context.Context, _ jetstream.JetStream, s jetstream.Stream) error { return s.DeleteMsg(ctx, 3) },
		"rmm of the last": func(ctx context.Context, _ jetstream.JetStream, s jetstream.Stream) error {
			return s.SecureDeleteMsg(ctx, 6)
		},
		"made again": again,
		"made again, and filled as far": func(ctx context.Context, js jetstream.JetStream, s jetstream.Stream) error {
			if err := again(ctx, js, s); err != nil {
				return err
			}
			for i := range 8 {
				subject := events.Subjects{}.Append(numbered(90+i), "device", events.KindOf(events.StateAccepted))
				if _, err := js.Publish(ctx, subject, nil); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// filled gives a bus on an external server with six events, and its event stream.
func filled(t *testing.T, o bus.Options) (*bus.Bus, jetstream.JetStream, jetstream.Stream) {
	t.Helper()
	o.URL = external(t, t.TempDir()).ClientURL()
	b := connect(t, o)
	ensure(t, b, small())
	if err := b.Remember(within(t), false); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		appended(t, b, numbered(i), 1)
	}
	_, js := client(t, o.URL)
	stream, err := js.Stream(within(t), eventStream)
	if err != nil {
		t.Fatal(err)
	}
	return b, js, stream
}

// TestWatchEventsMissing: whoever takes events away while bridges run is found out by
// each of them. Nothing is stored from then on, what is not found is not said not to be
// there, and a bridge that starts asks, until it is told that this is known.
func TestWatchEventsMissing(t *testing.T) {
	t.Parallel()
	for name, take := range takings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := new(lockedBuffer)
			b, js, stream := filled(t, bus.Options{Log: slog.New(slog.NewTextHandler(lines, nil))})
			other := connect(t, bus.Options{URL: b.URL()})
			if err := other.Remember(within(t), false); err != nil {
				t.Fatal(err)
			}
			changes, others := watching(t, b, small()), watching(t, other, small())
			until(t, "the memory is kept", func() bool {
				text, _, err := b.State(within(t), "events")
				return err == nil && len(text) > 0 && sixth(string(text))
			})
			if err := take(within(t), js, stream); err != nil {
				t.Fatal(err)
			}
			for _, told := range []<-chan change{changes, others} {
				until(t, "events are told to be missing", func() bool {
					return receive(t, "change of a trouble", told) == change{bus.EventsMissing, true}
				})
			}
			if lines.count("level=ERROR", "trouble=eventsMissing", "quarantine", "detail=") != 1 {
				t.Errorf("log:\n%s", lines)
			}
			for _, b := range []*bus.Bus{b, other} {
				_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(7), 1), 0)
				wantCode(t, err, events.CodeUnavailable)
				_, err = b.Latest(within(t), numbered(70))
				wantCode(t, err, events.CodeUnavailable)
			}
			wantAsked(t, b.URL())
		})
	}
}

// sixth reports whether a memory is of six events.
func sixth(text string) bool {
	var m struct{ Last uint64 }
	return json.Unmarshal([]byte(text), &m) == nil && m.Last == 6
}

// wantAsked fails unless a bridge that starts asks how to go on, twice, and goes on when
// it is told.
func wantAsked(t *testing.T, url string) {
	t.Helper()
	next := connect(t, bus.Options{URL: url})
	for range 2 {
		if _, is := errors.AsType[*bus.DamageError](next.Remember(within(t), false)); !is {
			t.Error("a start does not ask")
		}
	}
	for _, accept := range []bool{true, false} {
		if err := next.Remember(within(t), accept); err != nil {
			t.Errorf("accepted %t: %v", accept, err)
		}
	}
	watching(t, next, small())
	storing(t, next)
	untilCalm(t, next)
}

// TestRememberWhileDown: what is taken away while no bridge runs shows at the next start.
func TestRememberWhileDown(t *testing.T) {
	t.Parallel()
	for name, take := range takings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, js, stream := filled(t, bus.Options{})
			// A watch keeps what it saw when it ends.
			running(t, func(ctx context.Context) error { return b.Watch(ctx, bus.WatchOptions{Streams: small()}) })()
			url := b.URL()
			if err := b.Close(within(t)); err != nil {
				t.Fatal(err)
			}
			if err := take(within(t), js, stream); err != nil {
				t.Fatal(err)
			}
			wantAsked(t, url)
		})
	}
}

// TestWatchEventsLeave: events that left by their age, or were erased, are not missing.
func TestWatchEventsLeave(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{URL: external(t, t.TempDir()).ClientURL()})
	streams := small()
	streams.MaxAge = 500 * time.Millisecond
	ensure(t, b, streams)
	if err := b.Remember(within(t), false); err != nil {
		t.Fatal(err)
	}
	changes := watching(t, b, streams)
	_, js := client(t, b.URL())
	for i := range 5 {
		appended(t, b, numbered(i), 1)
		until(t, "the event has left", func() bool { return messages(t, js, eventStream) == 0 })
		if got := b.Troubles(); len(got) != 0 {
			t.Fatalf("troubles %v", got)
		}
	}
	id := numbered(9)
	last := markErased(t, b, id, confided(t, b, id, 3))
	if _, err := b.Erase(within(t), id, last); err != nil {
		t.Fatal(err)
	}
	storing(t, b)
	// A trouble that begins and ends lies several looks later.
	changed(t, js, b, func(c *jetstream.StreamConfig) { c.RePublish = nil })
	wantChange(t, changes, bus.StreamDiffers, true)
	wantChange(t, changes, bus.StreamDiffers, false)
	if err := connect(t, bus.Options{URL: b.URL()}).Remember(within(t), false); err != nil {
		t.Errorf("a start: %v", err)
	}
}

// TestWatchStoreReplaced: a NATS server that comes back with an older store is found out.
func TestWatchStoreReplaced(t *testing.T) {
	t.Parallel()
	port, dir, old := fixedPort(t), t.TempDir(), filepath.Join(t.TempDir(), "old")
	options := func() *server.Options {
		return &server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir}
	}
	srv := startNATS(t, options())
	b := connect(t, bus.Options{URL: srv.ClientURL(), Timeout: patience})
	ensure(t, b, small())
	if err := b.Remember(within(t), false); err != nil {
		t.Fatal(err)
	}
	watching(t, b, small())
	for i := range 3 {
		appended(t, b, numbered(i), 1)
	}
	stop := func() { srv.Shutdown(); srv.WaitForShutdown() }
	stop()
	if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	srv = startNATS(t, options())
	until(t, "an append after the restart", func() bool {
		_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(8), 1), 0)
		return err == nil
	})
	stop()
	if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(old))); err != nil {
		t.Fatal(err)
	}
	srv = startNATS(t, options())
	until(t, "events are told to be missing", func() bool {
		for _, tr := range b.Troubles() {
			if tr == bus.EventsMissing {
				return true
			}
		}
		return false
	})
	_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(9), 1), 0)
	wantCode(t, err, events.CodeUnavailable)
}
