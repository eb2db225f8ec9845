package bus_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// watched gives a bus on an embedded server with its streams, a client with the
// bridge's rights, the log and the changes that a watch tells of.
func watched(t *testing.T, streams bus.StreamOptions) (*bus.Bus, jetstream.JetStream, *lockedBuffer, <-chan change) {
	t.Helper()
	lines := new(lockedBuffer)
	server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
	b := connect(t, bus.Options{Server: server, Log: slog.New(slog.NewTextHandler(lines, nil))})
	ensure(t, b, streams)
	_, js := insider(t, server)
	changes := watching(t, b, streams)
	return b, js, lines, changes
}

// TestWatchMissing: a stream that somebody deletes is made anew.
func TestWatchMissing(t *testing.T) {
	t.Parallel()
	b, js, lines, changes := watched(t, small())
	for _, name := range []string{b.Subjects().EventStream(), b.Subjects().TimerStream()} {
		if err := js.DeleteStream(within(t), name); err != nil {
			t.Fatal(err)
		}
		wantChange(t, changes, bus.StreamMissing, true)
		wantChange(t, changes, bus.StreamMissing, false)
	}
	storing(t, b)
	if err := b.Arm(within(t), numbered(1), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if lines.count("level=ERROR", "trouble=streamMissing", b.Subjects().EventStream()) != 1 || lines.count("trouble=streamMissing") != 4 {
		t.Errorf("log:\n%s", lines)
	}
}

// TestWatchSetsBack: a setting that the server lets be changed back is.
func TestWatchSetsBack(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*jetstream.StreamConfig){
		"republish": func(c *jetstream.StreamConfig) { c.RePublish = nil },
		"discard":   func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld },
		"direct":    func(c *jetstream.StreamConfig) { c.AllowDirect = false },
		"among limits": func(c *jetstream.StreamConfig) {
			c.RePublish, c.MaxAge, c.MaxBytes, c.Description = nil, time.Hour, 32<<20, "mine"
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, js, lines, changes := watched(t, small())
			before := configured(t, js, b)
			changed(t, js, b, spoil)
			operators := before
			spoil(&operators)
			wantChange(t, changes, bus.StreamDiffers, true)
			wantChange(t, changes, bus.StreamDiffers, false)
			after := configured(t, js, b)
			if after.RePublish == nil || after.Discard != before.Discard || after.AllowDirect != before.AllowDirect {
				t.Errorf("not set back: %+v", after)
			}
			if after.MaxAge != operators.MaxAge || after.MaxBytes != operators.MaxBytes || after.Description != operators.Description {
				t.Errorf("what is the operator's was changed: %+v", after)
			}
			storing(t, b)
			lines.wantToldOnce(t, "ERROR", bus.StreamDiffers)
		})
	}
}

// TestWatchBars: while the event stream cannot be trusted, nothing is stored in it
// and called so; once it is as declared again, everything goes on.
func TestWatchBars(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*jetstream.StreamConfig){
		"more subjects": func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "also.this") },
		"no transform":  func(c *jetstream.StreamConfig) { c.SubjectTransform = nil },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, js, lines, changes := watched(t, small())
			storing(t, b)
			before := configured(t, js, b)
			changed(t, js, b, spoil)
			wantChange(t, changes, bus.StreamDiffers, true)
			stored := messages(t, js, b.Subjects().EventStream())
			for range 10 {
				_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(events.RandomCommandID(), 1), 0)
				wantCode(t, err, events.CodeUnavailable)
			}
			if n := messages(t, js, b.Subjects().EventStream()); n != stored {
				t.Errorf("%d messages, want %d as before", n, stored)
			}
			if got := b.Troubles(); len(got) != 1 || got[0] != bus.StreamDiffers {
				t.Errorf("troubles %v", got)
			}
			changed(t, js, b, func(c *jetstream.StreamConfig) { *c = before })
			wantChange(t, changes, bus.StreamDiffers, false)
			storing(t, b)
			lines.wantToldOnce(t, "ERROR", bus.StreamDiffers)
		})
	}
}

// TestWatchLeavesBounds: two replicas that are set differently do not fight; each
// tells once of what differs.
func TestWatchLeavesBounds(t *testing.T) {
	t.Parallel()
	b, js, lines, changes := watched(t, small())
	changed(t, js, b, func(c *jetstream.StreamConfig) { c.MaxAge, c.MaxBytes = time.Hour, 32<<20 })
	until(t, "word of other limits", func() bool { return lines.count("level=WARN", "other limits", "max age", "max bytes") == 1 })
	// A trouble that begins and ends lies several looks later.
	changed(t, js, b, func(c *jetstream.StreamConfig) { c.RePublish = nil })
	wantChange(t, changes, bus.StreamDiffers, true)
	wantChange(t, changes, bus.StreamDiffers, false)
	if config := configured(t, js, b); config.MaxAge != time.Hour || config.MaxBytes != 32<<20 {
		t.Errorf("limits %s, %d", config.MaxAge, config.MaxBytes)
	}
	if n := lines.count("other limits"); n != 1 {
		t.Errorf("told %d times:\n%s", n, lines)
	}
}

// TestWatchFull: a stream that fills up is a trouble before it is full.
func TestWatchFull(t *testing.T) {
	t.Parallel()
	b, js, lines, changes := watched(t, bus.StreamOptions{MaxBytes: 16 << 10})
	var err error
	for n := 0; n < 1000 && err == nil; n++ {
		_, err = b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(n), 1), 0)
	}
	wantCode(t, err, events.CodeUnavailable)
	wantChange(t, changes, bus.StorageFull, true)
	wantChange(t, changes, bus.StorageSpent, true) // the append that was refused
	changed(t, js, b, func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 })
	wantChange(t, changes, bus.StorageFull, false)
	storing(t, b)
	wantChange(t, changes, bus.StorageSpent, false) // one that was stored
	lines.wantToldOnce(t, "WARN", bus.StorageFull)
	lines.wantToldOnce(t, "ERROR", bus.StorageSpent)
}
