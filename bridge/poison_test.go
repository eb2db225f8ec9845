package bridge_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"devicebridge/bridge"
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
