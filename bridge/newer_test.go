package bridge_test

import (
	"testing"
	"time"

	"devicebridge/events"
)

// TestACommandOfANewerVersion, met during a rolling upgrade, is left to the
// replicas that know its state: none of what comes for it is taken and dropped.
func TestACommandOfANewerVersion(t *testing.T) {
	r := build(t, new(memory), nil)
	before := r.sent(launch(`"expiresIn":"1h"`))
	newer := before.Command
	newer.Sequence, newer.State = newer.Sequence+1, "held"
	if _, err := r.tap.store.Append(t.Context(), "held", newer, before.Sequence); err != nil {
		t.Fatal(err)
	}
	id := newer.ID
	wantCode(t, r.Postback(t.Context(), id, observed(t, `{"status":"completed"}`)), events.CodeUnavailable)
	r.clock.pass(3 * time.Hour)
	r.look(id)
	r.wantArmed(30 * time.Second) // another replica may get it
	if _, err := r.Cancel(t.Context(), idBody(id)); !events.HasCode(err, events.CodeConflict) {
		t.Errorf("cancel: %v", err)
	}
	timers := len(r.tap.armed())
	report, err := r.Sweep(t.Context())
	if err != nil || report.Open != 1 || report.Armed != 0 || len(r.tap.armed()) != timers {
		t.Errorf("sweep %+v, %v", report, err)
	}
	r.wantStory(id, "accepted sending requesting held")
}

// TestACommandThatANewerVersionMovedOn is one that this version knows again.
func TestACommandThatANewerVersionMovedOn(t *testing.T) {
	r := build(t, new(memory), nil)
	held := r.sent(launch(`"expiresIn":"1h"`))
	for _, state := range []events.State{"held", events.StateExecuting} {
		next := held.Command
		next.Sequence, next.State = next.Sequence+1, state
		seq, err := r.tap.store.Append(t.Context(), events.KindOf(state), next, held.Sequence)
		if err != nil {
			t.Fatal(err)
		}
		held = events.Stored{Sequence: seq, Command: next}
		if state == "held" {
			wantCode(t, r.Postback(t.Context(), next.ID, observed(t, `{"status":"completed"}`)), events.CodeUnavailable)
		}
	}
	r.postback(held.Command.ID, `{"status":"completed"}`)
	r.wantStory(held.Command.ID, "accepted sending requesting held executing completed")
}
