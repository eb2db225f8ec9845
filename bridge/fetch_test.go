package bridge_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"devicebridge/events"
)

func payload(text string) func(string) (json.RawMessage, error) {
	return func(string) (json.RawMessage, error) { return json.RawMessage(text), nil }
}

// pending gives a completed command whose payload has yet to be fetched.
func (r *rig) pending() string {
	r.t.Helper()
	id := r.sent(call()).Command.ID
	r.postback(id, `{"id":"g1","status":"completed"}`)
	return id
}

func TestThePayloadIsFetched(t *testing.T) {
	r := newRig(t)
	id := r.pending()
	r.graph.payload = payload(`{"b":2}`)
	r.look(id)
	r.look(id)
	r.wantStory(id, "accepted sending requesting completed response")
	got := r.latest(id).Command
	if string(got.ResponsePayload) != `{"b":2}` || got.Response != events.ResponseStored || got.State != events.StateCompleted || got.Source != events.SourcePoll {
		t.Errorf("record %s", text(t, got))
	}
	if n := r.graph.fetched(); n != 1 {
		t.Errorf("%d GETs, want 1", n)
	}
}

func TestAPayloadThatIsNotThereYet(t *testing.T) {
	r := newRig(t)
	id := r.pending()
	for _, want := range []time.Duration{1, 1, 2, 4} {
		r.look(id)
		r.wantArmed(want * time.Second)
		r.clock.pass(want * time.Second)
	}
	r.clock.pass(30 * time.Minute)
	r.look(id)
	r.wantArmed(5 * time.Minute)
	r.wantStory(id, "accepted sending requesting completed")

	limited := answer(429, "tooManyRequests", "slow down")
	limited.RetryAfter = 8 * time.Minute
	r.graph.payload = func(string) (json.RawMessage, error) { return nil, limited }
	r.look(id)
	r.wantArmed(8 * time.Minute)
}

func TestThePayloadIsGivenUpAfterTheGrace(t *testing.T) {
	r := newRig(t)
	id := r.pending()
	deadline := r.latest(id).Command.ExpiresAt.Add(grace)
	r.clock.pass(deadline.Sub(r.clock.Now()) - time.Second)
	r.look(id)
	if !r.tap.lastArmed().Equal(deadline) {
		t.Errorf("timer at %v, want the deadline at %v", r.tap.lastArmed(), deadline)
	}
	r.clock.pass(time.Second)
	r.look(id)
	r.wantStory(id, "accepted sending requesting completed response")
	got := r.latest(id).Command
	if got.Response != events.ResponseFailed || got.State != events.StateCompleted || got.ResponsePayload != nil || !got.Ended() {
		t.Errorf("record %s", text(t, got))
	}
	if want := (events.Error{Code: "itemNotFound", Message: "no payload yet", HTTPStatus: 404, RequestID: "req-1"}); got.Error == nil || *got.Error != want {
		t.Errorf("error %+v, want %+v", got.Error, want)
	}
	r.postback(id, `{"id":"g1","status":"completed"}`)
	r.look(id)
	r.wantStory(id, "accepted sending requesting completed response")
}

// TestTheLastGETMaySucceed: the deadline itself still has one.
func TestTheLastGETMaySucceed(t *testing.T) {
	r := newRig(t)
	id := r.pending()
	r.clock.pass(time.Hour + grace)
	r.graph.payload = payload(`1`)
	r.look(id)
	if got := r.latest(id).Command; got.Response != events.ResponseStored {
		t.Errorf("response %s", got.Response)
	}
}

// TestNoGETWithoutGraphsID: a command healed by a postback without an id.
func TestNoGETWithoutGraphsID(t *testing.T) {
	r := newRig(t)
	id := r.lost(call())
	r.postback(id, `{"status":"completed"}`)
	r.look(id)
	r.wantArmed(time.Second)
	if c := r.latest(id).Command; c.Response != events.ResponsePending {
		t.Errorf("response %s", c.Response)
	}
	r.clock.pass(time.Hour + grace)
	r.look(id)
	r.wantStory(id, "accepted sending outcomeUnknown completed response")
	if got := r.latest(id).Command; got.Response != events.ResponseFailed || got.Error == nil || got.Error.Code != "noGraphId" {
		t.Errorf("record %s", text(t, got))
	}
	if n := r.graph.fetched(); n != 0 {
		t.Errorf("%d GETs", n)
	}
}

// TestAnIDThatComesLate makes the payload reachable after all.
func TestAnIDThatComesLate(t *testing.T) {
	r := newRig(t)
	id := r.lost(call())
	r.postback(id, `{"status":"completed"}`)
	r.postback(id, `{"id":"g9","status":"completed"}`)
	r.graph.payload = payload(`1`)
	r.look(id)
	r.wantStory(id, "accepted sending outcomeUnknown completed linked response")
}

// TestAPayloadThatTheStreamDoesNotTake: its limit is lower than the server's.
func TestAPayloadThatTheStreamDoesNotTake(t *testing.T) {
	r := build(t, &memory{limit: 4096}, nil)
	id := r.pending()
	r.graph.payload = payload(`"` + strings.Repeat("x", 4096) + `"`)
	r.look(id)
	r.wantStory(id, "accepted sending requesting completed response")
	if got := r.latest(id).Command; got.Response != events.ResponseStored || got.ResponseRef == nil || got.ResponseRef.Size != 4098 {
		t.Errorf("record %s", text(t, got))
	}
}

func TestAPayloadThatFitsNowhere(t *testing.T) {
	r := build(t, new(memory), nil)
	id := r.pending()
	r.graph.payload = payload(string(large()))
	r.tap.put = func() error { return &events.Error{Code: events.CodeTooLarge, Message: "larger than the bucket"} }
	r.look(id)
	got := r.latest(id).Command
	if got.Response != events.ResponseFailed || got.Error == nil || got.Error.Code != events.CodeTooLarge {
		t.Errorf("record %s", text(t, got))
	}
}

func TestAFetchDuringAnOutageComesAgain(t *testing.T) {
	r := newRig(t)
	id := r.pending()
	down := func(events.Kind, events.Command) error { return events.Unavailable("down") }
	r.graph.payload = payload(`1`)
	r.tap.before = down
	r.look(id)
	r.wantArmed(time.Second) // fetched, not stored
	r.clock.pass(time.Hour + grace)
	r.graph.payload = func(string) (json.RawMessage, error) { return nil, errors.New("dial") }
	if wait := r.Look(t.Context(), id, delivery(1)); !near(wait, time.Second) {
		t.Errorf("given up, not stored: comes again after %v", wait)
	}
	r.tap.before = nil
	r.look(id)
	if got := r.latest(id).Command; got.Response != events.ResponseFailed || got.Error.Code != "noAnswer" {
		t.Errorf("record %s", text(t, got))
	}
}

// TestAPostbackIsFasterThanTheGET: the payload is published once.
func TestAPostbackIsFasterThanTheGET(t *testing.T) {
	r := newRig(t)
	id := r.pending()
	r.graph.payload = func(string) (json.RawMessage, error) {
		r.postback(id, `{"id":"g1","status":"completed","responsePayload":1}`)
		return json.RawMessage(`1`), nil
	}
	r.look(id)
	r.wantStory(id, "accepted sending requesting completed response")
	if got := r.latest(id).Command; got.Source != events.SourcePostback {
		t.Errorf("source %s", got.Source)
	}
}
