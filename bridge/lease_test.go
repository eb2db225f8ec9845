package bridge_test

import (
	"testing"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// abandoned gives a command that another replica claimed and will not report on.
func (r *rig) abandoned(body []byte) events.Stored {
	r.t.Helper()
	from := r.send(body)
	dead := r.another()
	dead.tap.after = always(events.StateSending, events.Unavailable("killed here"))
	dead.Dispatch(r.t.Context(), from, delivery(1))
	return r.latest(from.Command.ID)
}

func TestAnAbandonedClaimBecomesUnknownAfterALease(t *testing.T) {
	for name, look := range map[string]func(*rig, string, uint64) time.Duration{
		"timer": func(r *rig, id string, n uint64) time.Duration { return r.Look(r.t.Context(), id, delivery(n)) },
		"delivery": func(r *rig, id string, n uint64) time.Duration {
			return r.Dispatch(r.t.Context(), r.history(id)[0], delivery(n+1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			claimed := r.abandoned(launch())
			id := claimed.Command.ID
			r.clock.pass(10 * time.Minute) // the lease runs from the first sight, not from the claim's clock
			if wait := look(r, id, 1); wait != lease {
				t.Errorf("first look: comes again after %v, want %v", wait, lease)
			}
			r.clock.pass(lease - time.Second)
			if wait := look(r, id, 2); wait != time.Second {
				t.Errorf("second look: comes again after %v, want 1s", wait)
			}
			r.wantStory(id, "accepted sending")
			r.clock.pass(time.Second)
			if wait := look(r, id, 3); wait != 0 {
				t.Errorf("third look: comes again after %v", wait)
			}
			r.wantStory(id, "accepted sending outcomeUnknown")
			c := r.latest(id).Command
			if c.Error == nil || c.Error.Code != "leasePassed" || c.Source != events.SourceTimer || c.Payload != nil {
				t.Errorf("record %s", text(t, c))
			}
			// The delivery is spent, so a timer has to stand for the end.
			if got := r.tap.lastArmed(); !got.Equal(c.ExpiresAt) {
				t.Errorf("timer at %v, want %v", got, c.ExpiresAt)
			}
			r.wantPosts(0)
		})
	}
}

// TestALeaseIsPerClaim: a later claim of the same command has its own lease.
func TestALeaseIsPerClaim(t *testing.T) {
	r := newRig(t)
	id := r.abandoned(launch()).Command.ID
	r.Look(t.Context(), id, delivery(1))
	r.clock.pass(lease - time.Second)
	// The first sender was only slow: it defers, and a third replica claims anew.
	claimed := r.latest(id)
	deferred := claimed.Command
	now := r.clock.Now()
	deferred.State, deferred.RetryAt, deferred.Sequence = events.StateDeferred, &now, 3
	if _, err := r.tap.store.Append(t.Context(), events.KindOf(events.StateDeferred), deferred, claimed.Sequence); err != nil {
		t.Fatal(err)
	}
	dead := r.another()
	dead.tap.after = always(events.StateSending, events.Unavailable("killed here"))
	dead.Look(t.Context(), id, delivery(1))
	r.clock.pass(2 * time.Second)
	if wait := r.Look(t.Context(), id, delivery(2)); wait != lease {
		t.Errorf("comes again after %v, want a whole lease", wait)
	}
	r.wantStory(id, "accepted sending deferred sending")
}

func TestALeaseThatCannotBeEndedComesAgain(t *testing.T) {
	r := newRig(t)
	id := r.abandoned(launch()).Command.ID
	r.Look(t.Context(), id, delivery(1))
	r.clock.pass(lease)
	r.tap.before = always(events.StateOutcomeUnknown, events.Unavailable("down"))
	if wait := r.Look(t.Context(), id, delivery(2)); !near(wait, 2*time.Second) {
		t.Errorf("comes again after %v", wait)
	}
	r.tap.before = nil
	r.Look(t.Context(), id, delivery(3))
	r.wantStory(id, "accepted sending outcomeUnknown")
}

// TestAPostbackEndsTheLease: a claim that moved on is not given up.
func TestAPostbackEndsTheLease(t *testing.T) {
	r := newRig(t)
	id := r.abandoned(launch()).Command.ID
	r.Look(t.Context(), id, delivery(1))
	r.clock.pass(lease)
	r.tap.before = once(events.StateOutcomeUnknown, func() error {
		return r.another().Postback(t.Context(), id, observed(t, `{"id":"g1","status":"executing"}`))
	})
	if wait := r.Look(t.Context(), id, delivery(2)); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.wantStory(id, "accepted sending executing")
	if want := r.clock.Now().Add(pollFirst); !r.tap.lastArmed().Equal(want) {
		t.Errorf("timer at %v, want the poll at %v", r.tap.lastArmed(), want)
	}
}

// TestAnEndDuringTheLease leaves nothing to wake anybody for.
func TestAnEndDuringTheLease(t *testing.T) {
	r := newRig(t)
	id := r.abandoned(launch()).Command.ID
	r.Look(t.Context(), id, delivery(1))
	r.clock.pass(lease)
	r.tap.before = once(events.StateOutcomeUnknown, func() error {
		return r.another().Postback(t.Context(), id, observed(t, `{"status":"completed"}`))
	})
	r.look(id)
	r.wantStory(id, "accepted sending completed")
	if timers := r.tap.armed(); len(timers) != 0 {
		t.Errorf("timers %v", timers)
	}
}

// TestALateAnswerHeals lets a POST outlast its lease.
func TestALateAnswerHeals(t *testing.T) {
	r := newRig(t)
	other := r.another()
	from := r.send(launch())
	id := from.Command.ID
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
		other.Look(t.Context(), id, delivery(1))
		r.clock.pass(lease)
		other.Look(t.Context(), id, delivery(2))
		r.wantStory(id, "accepted sending outcomeUnknown")
		return observed(t, `{"id":"g1","status":"requesting"}`)[0], nil
	}
	if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.wantStory(id, "accepted sending outcomeUnknown requesting")
	if c := r.latest(id).Command; c.GraphID != "g1" || c.Error != nil {
		t.Errorf("record %s", text(t, c))
	}
	// The other's timer stood for the end; now there is something to poll.
	if want := r.clock.Now().Add(pollFirst); !r.tap.lastArmed().Equal(want) {
		t.Errorf("timer at %v, want %v", r.tap.lastArmed(), want)
	}
}

// TestALateRefusalToTakeItDoesNotSendAgain: once others may believe that Graph
// has it, "not taken" comes too late.
func TestALateRefusalToTakeItDoesNotSendAgain(t *testing.T) {
	r := newRig(t)
	other := r.another()
	from := r.send(launch())
	id := from.Command.ID
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
		other.Look(t.Context(), id, delivery(1))
		r.clock.pass(lease)
		other.Look(t.Context(), id, delivery(2))
		return events.Observation{}, notTaken(time.Second)
	}
	r.Dispatch(t.Context(), from, delivery(1))
	r.clock.pass(time.Minute)
	r.Look(t.Context(), id, delivery(1))
	r.wantStory(id, "accepted sending outcomeUnknown")
	r.wantPosts(1)
}
