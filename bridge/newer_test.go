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
