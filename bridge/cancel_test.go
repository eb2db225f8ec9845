package bridge_test

import (
	"testing"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// statesOf gives, for each state, how to bring a new command there.
func statesOf() map[events.State]func(*rig) string {
	reached := map[events.State]func(*rig) string{
		events.StateAccepted:       func(r *rig) string { return r.send(call()).Command.ID },
		events.StateSending:        func(r *rig) string { return r.abandoned(call()).Command.ID },
		events.StateOutcomeUnknown: func(r *rig) string { return r.lost(call()) },
		events.StateRegistered:     func(r *rig) string { return r.callback(`{}`).Command.ID },
		events.StateDeferred: func(r *rig) string {
			r.graph.post = fails(notTaken(-1))
			return r.sent(call()).Command.ID
		},
		events.StateRejected: func(r *rig) string {
			r.graph.post = fails(refused())
			return r.sent(call()).Command.ID
		},
		events.StateTimedOut: func(r *rig) string {
			id := r.send(call()).Command.ID
			r.clock.pass(time.Hour)
			r.look(id)
			return id
		},
	}
	reached[events.StateErased] = func(r *rig) string {
		id := reached[events.StateTimedOut](r)
		r.erase(id)
		return id
	}
	for _, s := range events.GraphStates() {
		reached[s] = func(r *rig) string {
			id := r.sent(call()).Command.ID
			r.postback(id, `{"id":"g1","status":"`+string(s)+`"}`)
			return id
		}
	}
	return reached
}

func TestCancel(t *testing.T) {
	reached := statesOf()
	for _, state := range events.States() {
		t.Run(string(state), func(t *testing.T) {
			r := build(t, new(memory), nil)
			id := reached[state](r)
			before := r.latest(id)
			if before.Command.State != state {
				t.Fatalf("state %s", before.Command.State)
			}
			reply, err := r.Cancel(t.Context(), idBody(id))
			if state == events.StateAccepted || state == events.StateDeferred {
				got := reply.Command
				if err != nil || got.State != events.StateCanceled || got.Source != events.SourceCaller || got.Payload != nil || got.RetryAt != nil || got.Error != nil {
					t.Errorf("%s, %v", text(t, got), err)
				}
				if text(t, r.latest(id).Command) != text(t, got) {
					t.Errorf("stored is %s", text(t, r.latest(id).Command))
				}
				return
			}
			message := "id names a command that is already sending or sent (" + string(state) + "), and Graph documents no way to cancel it"
			if state.Terminal() {
				message = "id names a command that has ended already: it is " + string(state)
			}
			if state == events.StateRegistered {
				message = "id names a command that somebody else sends; only its callback was registered here"
			}
			wantError(t, err, events.CodeConflict, "id", message)
			if text(t, r.latest(id)) != text(t, before) {
				t.Errorf("the command is now %s", text(t, r.latest(id).Command))
			}
		})
	}
}

func TestCancelAgain(t *testing.T) {
	r := newRig(t)
	from := r.send(launch())
	id := from.Command.ID
	for range 2 {
		if reply, err := r.Cancel(t.Context(), idBody(id)); err != nil || reply.Command.State != events.StateCanceled {
			t.Errorf("%s, %v", reply.Command.State, err)
		}
	}
	if wait := r.Dispatch(t.Context(), from, delivery(2)); wait != 0 {
		t.Errorf("its delivery comes again after %v", wait)
	}
	r.wantStory(id, "accepted canceled")
	r.wantPosts(0)
	// What Graph says of it afterwards contradicts.
	r.postback(id, `{"id":"g","status":"completed"}`)
	r.wantStory(id, "accepted canceled conflict")
}

// TestACancelThatLosesToTheClaim comes between the cancel's read and its append.
func TestACancelThatLosesToTheClaim(t *testing.T) {
	r := newRig(t)
	from := r.send(launch())
	other := r.another()
	r.tap.before = once(events.StateCanceled, func() error {
		other.Dispatch(t.Context(), from, delivery(1))
		return nil
	})
	_, err := r.Cancel(t.Context(), idBody(from.Command.ID))
	wantCode(t, err, events.CodeConflict)
	r.wantStory(from.Command.ID, "accepted sending requesting")
	r.wantPosts(1)
}

// TestACancelDuringThePOST is refused, and one between two attempts holds.
func TestACancelDuringThePOST(t *testing.T) {
	r := newRig(t)
	from := r.send(launch())
	id := from.Command.ID
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
		_, err := r.another().Cancel(t.Context(), idBody(id))
		wantCode(t, err, events.CodeConflict)
		return events.Observation{}, notTaken(-1)
	}
	r.Dispatch(t.Context(), from, delivery(1))
	if _, err := r.Cancel(t.Context(), idBody(id)); err != nil {
		t.Error(err)
	}
	r.clock.pass(time.Minute)
	r.look(id)
	r.wantStory(id, "accepted sending deferred canceled")
	r.wantPosts(1)
}

func TestACancelThatCannotBeStored(t *testing.T) {
	r := newRig(t)
	id := r.send(launch()).Command.ID
	r.tap.before = always(events.StateCanceled, events.Unavailable("down"))
	_, err := r.Cancel(t.Context(), idBody(id))
	wantCode(t, err, events.CodeUnavailable)
	r.tap.before = nil
	// Stored, but the acknowledgement lost: not proven at first, then seen.
	r.tap.after = once(events.StateCanceled, func() error { return events.ErrLost })
	if reply, err := r.Cancel(t.Context(), idBody(id)); err != nil || reply.Command.State != events.StateCanceled {
		t.Errorf("%s, %v", reply.Command.State, err)
	}
	r.wantStory(id, "accepted canceled")
}
