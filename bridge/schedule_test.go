package bridge_test

import (
	"testing"
	"time"

	"devicebridge/events"
)

// TestAnOldRecordDoesNotPutOffWhatIsUrgent: a poll sets the timer for the next
// poll while a postback has just set it for the payload.
func TestAnOldRecordDoesNotPutOffWhatIsUrgent(t *testing.T) {
	m := new(memory)
	r := build(t, m, nil)
	id := r.sent(call()).Command.ID
	r.clock.pass(pollFirst)
	came := false
	r.tap.arm = func(string, time.Time) error {
		if !came {
			came = true
			r.postback(id, `{"id":"g1","status":"completed"}`)
		}
		return nil
	}
	r.look(id)
	if !came {
		t.Fatal("the poll set no timer")
	}
	if at := m.timers[id]; at.After(r.clock.Now()) {
		t.Errorf("the timer stands in %v, want now: the payload waits", at.Sub(r.clock.Now()))
	}
}

// TestWithoutATimerADeliveryWaitsNotLong: it holds one of the places of its
// consumer.
func TestWithoutATimerADeliveryWaitsNotLong(t *testing.T) {
	r := build(t, new(memory), nil)
	id := r.lost(launch(`"expiresIn":"72h"`))
	r.tap.arm = func(string, time.Time) error { return events.Unavailable("down") }
	if wait := r.Look(t.Context(), id, delivery(1)); wait != 30*time.Second {
		t.Errorf("comes again after %v, want 30s", wait)
	}
}
