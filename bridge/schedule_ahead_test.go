package bridge_test

import (
	"testing"
	"time"
)

// TestATimerOfAClockAhead fires early by the bridge's clock. Set to the same time
// again it would fire at once, for as long as the clocks differ.
func TestATimerOfAClockAhead(t *testing.T) {
	r := build(t, new(memory), nil)
	id := r.sent(launch()).Command.ID
	at := r.clock.Now().Add(pollFirst)
	const ahead = 10 * time.Minute
	d := delivery(1)
	d.Sent = r.clock.Now().Add(ahead)
	if wait := r.Look(t.Context(), id, d); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	if got := r.tap.lastArmed(); !got.Equal(at.Add(ahead)) {
		t.Errorf("the timer stands at %v, want %v by its own clock", got, at.Add(ahead))
	}
	d.Sent = r.clock.Now().Add(-ahead) // it waited for its delivery
	r.Look(t.Context(), id, d)
	if got := r.tap.lastArmed(); !got.Equal(at) {
		t.Errorf("the timer stands at %v, want %v", got, at)
	}
}
