package bridge_test

import (
	"testing"
	"time"

	"devicebridge/events"
)

// TestAnOutageDoesNotPutOffTheEnd: while NATS comes and goes, what a command is woken by
// comes again soon after its end is due, however often it came to nothing before.
func TestAnOutageDoesNotPutOffTheEnd(t *testing.T) {
	const bound = 5*time.Second + time.Second/2
	down := events.Unavailable("no answer")
	for _, left := range []time.Duration{0, time.Second, 20 * time.Second, time.Hour} {
		r := build(t, new(memory), nil)
		from := r.send(launch(`"expiresIn":"2h"`))
		id := from.Command.ID
		r.clock.pass(2*time.Hour - left)
		within := func(what string, wait, most time.Duration) {
			t.Helper()
			if wait <= 0 || wait > most {
				t.Errorf("%v before its end: %s comes again after %v, want at most %v", left, what, wait, most)
			}
		}
		end := max(left, bound)
		r.tap.read = func(string) error { return down }
		within("a delivery", r.Dispatch(t.Context(), from, delivery(40)), end)
		within("a timer", r.Look(t.Context(), id, delivery(40)), bound)
		within("what broke down", r.PoisonedCommand(t.Context(), id), bound)
		r.tap.read = nil
		r.tap.arm = func(string, time.Time) error { return down }
		r.graph.ready = func() error { return down }
		if left > 0 {
			within("one whose timer cannot be set", r.Look(t.Context(), id, delivery(40)), end)
		}
		r.tap.arm, r.graph.ready = nil, nil
		r.tap.before = func(events.Kind, events.Command) error { return down }
		within("one whose event cannot be stored", r.Look(t.Context(), id, delivery(40)), end)
		if left > 0 {
			continue
		}
		r.tap.before = nil
		if wait := r.Look(t.Context(), id, delivery(40)); wait != 0 {
			t.Errorf("comes again after %v", wait)
		}
		r.wantStory(id, "accepted timedOut")
	}
}
