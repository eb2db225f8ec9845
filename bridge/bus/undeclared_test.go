package bus_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
)

// TestWatchUndeclared: whatever somebody sets on a stream that keeps the bridge from
// storing, or voids what it promises, is told of by the setting's name within a look, and
// set back where the server lets it be.
func TestWatchUndeclared(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		set    func(*jetstream.StreamConfig)
		sticks bool
	}{
		"sealed":                  {func(c *jetstream.StreamConfig) { c.Sealed = true }, true},
		"no ack":                  {func(c *jetstream.StreamConfig) { c.NoAck = true }, false},
		"max message size":        {func(c *jetstream.StreamConfig) { c.MaxMsgSize = 200 }, false},
		"max messages":            {func(c *jetstream.StreamConfig) { c.MaxMsgs = 1000 }, false},
		"messages per subject":    {func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 5 }, false},
		"discard new per subject": {func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject, c.DiscardNewPerSubject = 5, true }, false},
		"sources": {func(c *jetstream.StreamConfig) {
			c.Sources = []*jetstream.StreamSource{{Name: "OTHER"}}
		}, false},
		"subject delete marker": {func(c *jetstream.StreamConfig) {
			c.AllowMsgTTL, c.AllowRollup, c.SubjectDeleteMarkerTTL = true, true, time.Hour
		}, false},
		"consumer limits": {func(c *jetstream.StreamConfig) { c.ConsumerLimits.MaxAckPending = 10 }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := new(lockedBuffer)
			b := connect(t, bus.Options{URL: external(t, t.TempDir()).ClientURL(), Log: slog.New(slog.NewTextHandler(lines, nil))})
			ensure(t, b, small())
			_, js := client(t, b.URL())
			changes := watching(t, b, small())
			changed(t, js, b, test.set)
			wantChange(t, changes, bus.StreamDiffers, true)
			if lines.count("level=ERROR", "trouble=streamDiffers", eventStream+": ", name) != 1 {
				t.Errorf("log:\n%s", lines)
			}
			if test.sticks {
				if detail := b.Detail(bus.StreamDiffers); !strings.Contains(detail, name) {
					t.Errorf("the detail is %q", detail)
				}
				return
			}
			wantChange(t, changes, bus.StreamDiffers, false)
			storing(t, b)
		})
	}
}

// TestWatchUndeclaredOfOthers: the same of streams beside that of the events, and of an
// age limit where nothing is to leave by its age.
func TestWatchUndeclaredOfOthers(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{URL: external(t, t.TempDir()).ClientURL()})
	streams := small()
	streams.Inventory = true
	ensure(t, b, streams)
	_, js := client(t, b.URL())
	changes := watching(t, b, streams)
	s := b.Subjects()
	for _, name := range []string{s.IntakeStream(), s.TimerStream(), s.InventoryStream(), "OBJ_" + s.ResponseBucket(), "KV_" + s.StateBucket()} {
		sets := map[string]func(*jetstream.StreamConfig){"no ack": func(c *jetstream.StreamConfig) { c.NoAck = true }}
		if name != "OBJ_"+s.ResponseBucket() {
			sets["max age"] = func(c *jetstream.StreamConfig) { c.MaxAge = time.Minute }
		}
		for what, set := range sets {
			stream, err := js.Stream(within(t), name)
			if err != nil {
				t.Fatal(err)
			}
			config := stream.CachedInfo().Config
			set(&config)
			if _, err := js.UpdateStream(within(t), config); err != nil {
				t.Fatalf("%s of %s: %v", what, name, err)
			}
			wantChange(t, changes, bus.StreamDiffers, true)
			wantChange(t, changes, bus.StreamDiffers, false)
			if info, err := stream.Info(within(t)); err != nil || info.Config.NoAck || info.Config.MaxAge != stream.CachedInfo().Config.MaxAge {
				t.Errorf("%s of %s was not set back: %v", what, name, err)
			}
		}
	}
	untilCalm(t, b)
}

// TestEnsureUndeclared: at a start what cannot be set back is refused by its name, the
// rest is set back.
func TestEnsureUndeclared(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		set  func(*jetstream.StreamConfig)
		says string
	}{
		"async": {func(c *jetstream.StreamConfig) {
			c.PersistMode = jetstream.AsyncPersistMode
			c.AllowAtomicPublish = false
		}, "persist mode is \"async\""},
		"few":   {func(c *jetstream.StreamConfig) { c.MaxConsumers = 2 }, "max consumers is \"2"},
		"small": {func(c *jetstream.StreamConfig) { c.MaxMsgSize = 200 }, ""},
		"counting": {func(c *jetstream.StreamConfig) {
			c.AllowMsgCounter, c.AllowAtomicPublish, c.Discard = true, false, jetstream.DiscardOld
		}, "message counter is \"true\""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := external(t, t.TempDir()).ClientURL()
			b := connect(t, bus.Options{URL: url})
			ensure(t, b, small())
			_, js := client(t, url)
			config := configured(t, js, b)
			if err := js.DeleteStream(within(t), eventStream); err != nil {
				t.Fatal(err)
			}
			test.set(&config)
			if _, err := js.CreateStream(within(t), config); err != nil {
				t.Fatal(err)
			}
			err := b.Ensure(within(t), small())
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("the start says %v", err)
			}
		})
	}
}
