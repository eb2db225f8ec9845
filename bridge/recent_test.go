package bridge_test

import (
	"testing"

	"devicebridge/events"
)

// TestAPostbackReadsNothing as a rule: what this process stored last is what it
// begins with. What says nothing new is held against a fresh look.
func TestAPostbackReadsNothing(t *testing.T) {
	for name, s := range stores(t) {
		r := build(t, s, nil)
		id := r.sent(call()).Command.ID
		reads := func(body string) int {
			before := r.tap.reads
			r.postback(id, body)
			return r.tap.reads - before
		}
		for _, step := range []struct {
			body  string
			reads int
		}{
			{`{"status":"sentToTarget"}`, 0},
			{`{"status":"sentToTarget"}`, 1},
			{`{"status":"executing"}`, 0},
			{`{"value":[{"status":"custom"},{"status":"cancelling"}]}`, 0},
			{`{"status":"failedToSend"}`, 0},
			{`{"status":"failedToSend"}`, 1},
		} {
			if got := reads(step.body); got != step.reads {
				t.Errorf("%s: %s takes %d reads, want %d", name, step.body, got, step.reads)
			}
		}
		r.wantStory(id, "accepted sending requesting sentToTarget executing custom cancelling failedToSend")
	}
}

// TestAPostbackAfterAnotherReplicasNews begins with an event that is not the latest
// any more, and ends as if it had been.
func TestAPostbackAfterAnotherReplicasNews(t *testing.T) {
	for name, s := range stores(t) {
		r := build(t, s, nil)
		other := r.another()
		id := r.sent(call()).Command.ID
		r.postback(id, `{"status":"sentToTarget"}`)
		other.postback(id, `{"status":"executing"}`)
		r.postback(id, `{"status":"executing"}`) // no news, though this replica does not know
		other.postback(id, `{"status":"completed"}`)
		r.postback(id, `{"status":"failedToSend"}`)
		r.wantStory(id, "accepted sending requesting sentToTarget executing completed conflict")
		if state := r.latest(id).Command.State; state != events.StateCompleted {
			t.Errorf("%s: state %s", name, state)
		}
	}
}
