package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// TestNothingIsClaimedWhileGraphIsLeftAlone: the command stays accepted, and is
// looked at again when Graph is tried again.
func TestNothingIsClaimedWhileGraphIsLeftAlone(t *testing.T) {
	r := build(t, new(memory), nil)
	from := r.send(launch())
	until := time.Now().Add(10 * time.Minute)
	r.graph.ready = func() error { return fmt.Errorf("graph: %w", leftAlone(until)) }
	if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.wantStory(from.Command.ID, "accepted")
	r.wantPosts(0)
	r.wantArmed(10 * time.Minute)
	r.graph.ready = nil
	r.clock.pass(11 * time.Minute)
	r.look(from.Command.ID)
	r.wantStory(from.Command.ID, "accepted sending requesting")
}

// TestACircuitThatOpensAfterTheClaim costs the command nothing: it was not sent,
// and waits for as long as Graph is left alone.
func TestACircuitThatOpensAfterTheClaim(t *testing.T) {
	r := build(t, new(memory), nil)
	until := time.Date(2026, 11, 22, 10, 0, 8, 0, time.UTC)
	r.graph.post = fails(&graph.SendError{Outcome: graph.NotTaken, RetryAfter: 8 * time.Second, Err: leftAlone(until)})
	c := r.sent(launch()).Command
	want := events.Error{
		Code:    "circuitOpen",
		Message: "Graph failed several times in a row (it answered 502) and is left alone until 2026-11-22T10:00:08Z, then tried with one request at a time",
	}
	if c.State != events.StateDeferred || c.Error == nil || *c.Error != want || !c.RetryAt.Equal(until) {
		t.Errorf("record %s", text(t, c))
	}
	// It is of this replica alone, so no other pauses for it.
	other := r.another()
	other.graph.post = nil
	other.sent(launch(`"requestId":"another"`))
	other.wantPosts(2)
}
