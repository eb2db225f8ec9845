package bus_test

import (
	"context"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestEnsureKeepsAge: a start with a shorter age limit does not shorten the streams while
// a command is under way, or another bridge runs; it does while neither is so.
func TestEnsureKeepsAge(t *testing.T) {
	t.Parallel()
	url := external(t, t.TempDir()).ClientURL()
	long, short := small(), small()
	long.MaxAge, short.MaxAge = 100*time.Hour, time.Hour
	first := connect(t, bus.Options{URL: url})
	ensure(t, first, long)
	_, js := client(t, url)
	want := func(what string, age time.Duration) {
		t.Helper()
		ensure(t, connect(t, bus.Options{URL: url}), short)
		for _, name := range []string{eventStream, responseStream} {
			stream, err := js.Stream(within(t), name)
			if err != nil {
				t.Fatal(err)
			}
			if got := stream.CachedInfo().Config.MaxAge; got != age {
				t.Errorf("%s: %s keeps for %s, want %s", what, name, got, age)
			}
		}
	}
	seq := appended(t, first, numbered(1), 1)
	want("a command is under way", long.MaxAge)
	c := record(numbered(1), 2)
	c.State, c.Terminal = events.StateCompleted, true
	if _, err := first.Append(within(t), events.KindOf(events.StateCompleted), c, seq); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	stop := running(t, func(ctx context.Context) error {
		return first.Serve(ctx, bus.ServiceOptions{Version: "1.0.0", Ready: func() { close(ready) }}, []bus.Endpoint{{Name: "signin.get", Handle: func(context.Context, bus.Call) (any, error) { return nil, nil }}})
	})
	receive(t, "the service", ready)
	want("another bridge runs", long.MaxAge)
	stop()
	want("none runs and all have ended", short.MaxAge)
}
