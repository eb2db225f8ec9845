package bridge_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

func TestAPoisonedRequestBecomesRejected(t *testing.T) {
	r := build(t, new(memory), nil)
	q := bridge.QueuedRequest{Data: launch(), StreamCreated: time.Unix(1, 0), Sequence: 7}
	for range 2 { // a redelivery rejects once
		if wait := r.PoisonedIntake(t.Context(), q); wait != 0 {
			t.Errorf("comes again after %v", wait)
		}
	}
	id := events.IntakeCommandID(q.StreamCreated, q.Sequence)
	r.wantStory(id, "rejected")
	if c := r.latest(id).Command; c.Error == nil || c.Error.Code != "poisoned" {
		t.Errorf("record %s", text(t, c))
	}
	r.tap.before = func(events.Kind, events.Command) error { return events.Unavailable("down") }
	q.Sequence++
	if wait := r.PoisonedIntake(t.Context(), q); wait == 0 {
		t.Error("what could not be stored does not come again")
	}
}

func TestAPoisonedCommand(t *testing.T) {
	r := build(t, new(memory), nil)
	unsent := r.send(launch(`"requestId":"1"`)).Command.ID
	sent := r.sent(launch(`"requestId":"2"`)).Command.ID
	ended := r.sent(launch(`"requestId":"3"`)).Command.ID
	r.postback(ended, `{"status":"completed"}`)
	for _, id := range []string{unsent, sent, ended, events.RandomCommandID()} {
		if wait := r.PoisonedCommand(t.Context(), id); wait != 0 {
			t.Errorf("%s comes again after %v", id, wait)
		}
	}
	r.wantStory(unsent, "accepted rejected")
	r.wantStory(sent, "accepted sending requesting")
	r.wantArmed(30 * time.Second)
	r.wantStory(ended, "accepted sending requesting completed")
	r.tap.read = func(string) error { return events.Unavailable("down") }
	if wait := r.PoisonedCommand(t.Context(), unsent); wait == 0 {
		t.Error("what could not be read does not come again")
	}
}

// TestAnUnreadableEvent does not come again for ever, and is told of.
func TestAnUnreadableEvent(t *testing.T) {
	told := 0
	r := build(t, new(memory), func(o *bridge.Options) { o.Hooks.Unreadable = func() { told++ } })
	id := r.sent(launch()).Command.ID
	r.tap.read = func(string) error { return fmt.Errorf("sequence 3: %w: %w", events.ErrUnreadable, errors.New("bad")) }
	r.look(id)
	if wait := r.PoisonedCommand(t.Context(), id); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// TestOneUnreadableEventStopsNothing: who goes through many commands passes over
// the one that cannot be read.
func TestOneUnreadableEventStopsNothing(t *testing.T) {
	told := 0
	m := new(memory)
	r := build(t, m, func(o *bridge.Options) { o.Paused, o.Hooks.Unreadable = true, func() { told++ } })
	bad := r.send(launch(`"requestId":"bad"`)).Command.ID
	for i := range 20 {
		r.send(launch(fmt.Sprintf(`"requestId":"%d"`, i)))
	}
	r.tap.read = func(id string) error {
		if id == bad {
			return fmt.Errorf("sequence 1: %w", events.ErrUnreadable)
		}
		return nil
	}
	m.timers = nil
	if report, err := r.Sweep(t.Context()); err != nil || report.Armed != 20 {
		t.Errorf("sweep %+v, %v", report, err)
	}
	reply, err := r.Quarantine(t.Context(), []byte(`{"before":"2026-11-22T10:00:01Z"}`))
	if err != nil || reply.Quarantined != 20 {
		t.Errorf("quarantine %+v, %v", reply, err)
	}
	list, err := r.List(t.Context(), []byte(`{"limit":200}`))
	if err != nil || len(list.Commands) != 20 {
		t.Errorf("%d commands listed, %v", len(list.Commands), err)
	}
	if wait := r.Dispatch(t.Context(), events.Stored{Command: events.Command{ID: bad}}, delivery(2)); wait != 0 {
		t.Errorf("its delivery comes again after %v", wait)
	}
	if told != 4 {
		t.Errorf("told %d times, want 4", told)
	}
}

// TestAPanicUnderAClaim leaves the command to the lease, not to its end.
func TestAPanicUnderAClaim(t *testing.T) {
	r := build(t, new(memory), nil)
	from := r.send(launch(`"expiresIn":"72h"`))
	id := from.Command.ID
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) { panic("broken") }
	func() {
		defer func() { _ = recover() }()
		r.Dispatch(t.Context(), from, delivery(1))
	}()
	if wait := r.PoisonedCommand(t.Context(), id); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.wantArmed(lease)
	r.clock.pass(lease)
	r.Look(t.Context(), id, delivery(1))
	r.clock.pass(lease)
	r.Look(t.Context(), id, delivery(2))
	r.wantStory(id, "accepted sending outcomeUnknown")
}
