package bridge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"devicebridge/events"
)

// largePayload is a payload of so many bytes.
func largePayload(bytes int) string {
	return `{"uri":"https://example.com/?` + strings.Repeat("x", bytes-len(`{"uri":"https://example.com/?"}`)) + `"}`
}

// launchWith is the body of a launchUri request with that payload.
func launchWith(payload string, members ...string) []byte {
	return request(`"deviceId":"d1","type":"launchUri","payload":`+payload, members...)
}

// tryAgain passes the time until the command may be sent again, and has it sent.
func (r *rig) tryAgain(id string) {
	r.t.Helper()
	if at := r.latest(id).Command.RetryAt; at != nil {
		r.clock.pass(at.Sub(r.clock.Now()))
	}
	// The pause that Graph asked for ends a moment later.
	r.clock.pass(100 * time.Millisecond)
	if wait := r.Look(r.t.Context(), id, delivery(1)); wait != 0 {
		r.t.Fatalf("comes again after %v", wait)
	}
}

// TestALargePayloadStandsInTheFirstEventOnly sends a command of a megabyte that Graph
// defers often: each POST has the whole payload, and the stream has it once.
func TestALargePayloadStandsInTheFirstEventOnly(t *testing.T) {
	b := start(t)
	r := build(t, b, nil)
	payload := largePayload(1 << 19)
	from := r.send(launchWith(payload))
	id := from.Command.ID
	r.graph.post = fails(notTaken(200 * time.Millisecond))
	if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != 0 {
		t.Fatalf("comes again after %v", wait)
	}
	const tries = 6
	for range tries - 2 {
		r.another().tryAgain(id)
	}
	r.graph.post = nil
	r.tryAgain(id)
	r.wantPosts(tries)
	for i, post := range r.graph.sent() {
		if string(post.Payload) != payload {
			t.Errorf("POST %d has a payload of %d bytes", i+1, len(post.Payload))
		}
	}
	for _, e := range r.history(id) {
		if has := len(e.Command.Payload) > 0; has != (e.Command.Sequence == 1) {
			t.Errorf("event %d, %s, has a payload: %t", e.Command.Sequence, e.Kind, has)
		}
	}
	if used := b.Usage(t.Context()) * (64 << 20); used > 1<<20 {
		t.Errorf("%d tries of a payload of %d bytes took %.0f bytes of the stream", tries, len(payload), used)
	}
	r.postback(id, `{"status":"completed"}`)
	if got := r.get(id); string(got.Payload) != payload || got.State != events.StateCompleted {
		t.Errorf("get: %s with a payload of %d bytes", got.State, len(got.Payload))
	}
	if _, err := r.Erase(t.Context(), []byte(`{"id":"`+id+`"}`)); err != nil {
		t.Fatal(err)
	}
	left, err := b.Sequences(t.Context(), id)
	if got := r.get(id); len(got.Payload) != 0 || err != nil || len(left) != 1 {
		t.Errorf("after the erasure %d events are left: %s; %v", len(left), text(t, got), err)
	}
}

// TestNothingIsSentWithoutItsPayload asks that a command whose first event cannot be had
// is never sent with nothing in its place.
func TestNothingIsSentWithoutItsPayload(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		story string
		again bool
	}{
		"gone":       {events.NotFound("no such command"), "accepted sending deferred rejected", false},
		"no answer":  {events.Unavailable("down"), "accepted sending deferred", true},
		"unreadable": {fmt.Errorf("sequence 1: %w", events.ErrUnreadable), "accepted sending deferred", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := new(memory)
			r := build(t, m, nil)
			from := r.send(launchWith(largePayload(2000)))
			id := from.Command.ID
			r.graph.post = fails(notTaken(time.Second))
			r.Dispatch(t.Context(), from, delivery(1))
			blind := r.another()
			blind.tap.store = firstless{m, c.err}
			r.clock.pass(2 * time.Second)
			if wait := blind.Look(t.Context(), id, delivery(1)); (wait > 0) != c.again {
				t.Errorf("comes again after %v", wait)
			}
			r.wantStory(id, c.story)
			r.wantPosts(1)
			if got := r.latest(id).Command; got.State == events.StateRejected && (got.Error == nil || got.Error.Code != "payloadGone") {
				t.Errorf("error %+v", got.Error)
			} else if got.State != events.StateRejected && blind.tap.lastArmed().After(got.ExpiresAt) {
				t.Errorf("the timer stands at %v", blind.tap.lastArmed())
			}
		})
	}
}

// firstless is a store that cannot read first events.
type firstless struct {
	store
	err error
}

func (f firstless) Accepted(context.Context, string) (events.Stored, error) {
	return events.Stored{}, f.err
}

// TestRecordsOfAnOlderVersionAreSent: those that repeat a large payload are sent as they are, and are
// not repeated any more.
func TestRecordsOfAnOlderVersionAreSent(t *testing.T) {
	m := new(memory)
	r := build(t, m, nil)
	from := r.send(launchWith(largePayload(5000)))
	old := from.Command
	now := r.clock.Now()
	for i, state := range []events.State{events.StateSending, events.StateDeferred} {
		old.State, old.Sequence, old.Attempt = state, i+2, 1
		if state == events.StateDeferred {
			old.RetryAt = &now
		}
		if _, err := m.Append(t.Context(), events.KindOf(state), old, uint64(i)+1); err != nil {
			t.Fatal(err)
		}
	}
	r.tap.store = firstless{m, events.NotFound("gone")}
	if wait := r.Look(t.Context(), old.ID, delivery(1)); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.tap.store = m
	if posts := r.graph.sent(); len(posts) != 1 || string(posts[0].Payload) != largePayload(5000) {
		t.Errorf("%d POSTs", len(posts))
	}
	if claim := r.history(old.ID)[3]; claim.Kind != "sending" || claim.Command.Payload != nil {
		t.Errorf("%s with a payload of %d bytes", claim.Kind, len(claim.Command.Payload))
	}
}

// TestTheLeastPauseGrows: Graph says each time that it wants to be asked again soon.
func TestTheLeastPauseGrows(t *testing.T) {
	r := newRig(t)
	from := r.send(launch(`"expiresIn":"72h"`))
	id := from.Command.ID
	r.graph.post = fails(notTaken(200 * time.Millisecond))
	r.Dispatch(t.Context(), from, delivery(1))
	for i := 1; ; i++ {
		c := r.latest(id).Command
		wait, least := c.RetryAt.Sub(c.UpdatedAt), time.Second/8<<min(i-1, 12)
		if want := max(200*time.Millisecond, min(least, 5*time.Minute)); wait != want || c.Attempt != i {
			t.Errorf("attempt %d: waits %v, want %v", c.Attempt, wait, want)
		}
		if i == 15 {
			break
		}
		r.tryAgain(id)
	}
	// It waits alone: others wait as long as Graph asked.
	other := r.send(launch())
	r.clock.pass(250 * time.Millisecond)
	r.graph.post = nil
	r.Dispatch(t.Context(), other, delivery(1))
	r.wantStory(other.Command.ID, "accepted sending requesting")
}

// TestNothingIsRetriedFromTheReserve: from 80 % on the room is for commands to end.
func TestNothingIsRetriedFromTheReserve(t *testing.T) {
	r := newRig(t)
	from, fresh := r.send(launch()), r.send(launch())
	id := from.Command.ID
	r.graph.post = fails(notTaken(time.Second))
	r.Dispatch(t.Context(), from, delivery(1))
	r.tap.fill = 0.8
	r.tryAgain(id)
	r.wantStory(id, "accepted sending deferred")
	if at := r.tap.lastArmed(); !at.After(r.clock.Now().Add(20*time.Second)) || at.After(r.clock.Now().Add(70*time.Second)) {
		t.Errorf("it is looked at again at %v", at)
	}
	r.graph.post = nil
	r.Dispatch(t.Context(), fresh, delivery(1))
	r.wantStory(fresh.Command.ID, "accepted sending requesting")
	r.tap.fill = 0.79
	r.clock.pass(time.Minute)
	r.tryAgain(id)
	r.wantStory(id, "accepted sending deferred sending requesting")
}

// TestGetTellsWhatWasAskedFor in every state, as long as the first event is kept.
func TestGetTellsWhatWasAskedFor(t *testing.T) {
	r := newRig(t)
	id := r.send(call()).Command.ID
	want := func(state events.State) {
		t.Helper()
		if got := r.get(id); got.State != state || string(got.Payload) != `{"a":1}` {
			t.Errorf("%s with payload %s, want %s", got.State, got.Payload, state)
		}
	}
	want("accepted")
	r.Dispatch(t.Context(), r.latest(id), delivery(1))
	want("requesting")
	r.postback(id, `{"id":"g1","status":"completed","responsePayload":{"b":2}}`)
	want("completed")
	if got := r.get(id); string(got.ResponsePayload) != `{"b":2}` {
		t.Errorf("response payload %s", got.ResponsePayload)
	}
	registered, err := r.CreateCallback(t.Context(), nil, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.get(registered.Command.ID); got.Payload != nil {
		t.Errorf("a callback has the payload %s", got.Payload)
	}
}

// TestGetGivesTheAnswerFirst: where what was asked and what was answered fit no message
// together, the answer is given.
func TestGetGivesTheAnswerFirst(t *testing.T) {
	m := new(memory)
	r := build(t, m, nil)
	id := r.sent(launchWith(largePayload(700_000), `"requestId":"r1"`)).Command.ID
	answer := largePayload(600_000)
	r.postback(id, `{"id":"g1","status":"completed","responsePayload":`+answer+`}`)
	got := r.get(id)
	if got.Payload != nil || string(got.ResponsePayload) != answer {
		t.Errorf("a payload of %d and one of %d bytes", len(got.Payload), len(got.ResponsePayload))
	}
	// Out of reach is another matter than gone.
	id = r.sent(launch()).Command.ID
	for err, want := range map[error]events.Code{events.NotFound("gone"): "", events.Unavailable("down"): events.CodeUnavailable} {
		_, got := build(t, firstless{m, err}, nil).Get(t.Context(), idBody(id))
		if (want == "") != (got == nil) || want != "" && !events.HasCode(got, want) {
			t.Errorf("%v gives %v", err, got)
		}
	}
}
