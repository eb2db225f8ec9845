package bridge_test

import (
	"context"
	"errors"
	"testing"

	"devicebridge/events"
)

func idBody(id string) []byte { return []byte(`{"id":"` + id + `"}`) }

// get gives a command as commands.get does.
func (r *rig) get(id string) events.Command {
	r.t.Helper()
	reply, err := r.Get(r.t.Context(), idBody(id))
	if err != nil {
		r.t.Fatal(err)
	}
	return reply.Command
}

func TestGetGivesTheLatestRecord(t *testing.T) {
	r := newRig(t)
	accepted := r.send(launch()).Command
	if got := r.get(accepted.ID); text(t, got) != text(t, accepted) {
		t.Errorf("%s, want %s", text(t, got), text(t, accepted))
	}
	id := r.sent(launch()).Command.ID
	if got := r.get(id); got.State != events.StateRequesting || got.ResponsePayload != nil {
		t.Errorf("record %s", text(t, got))
	}
}

// TestGetBringsThePayloadOfTheLastResponse whatever came after that event.
func TestGetBringsThePayloadOfTheLastResponse(t *testing.T) {
	r := newRig(t)
	id := r.sent(call()).Command.ID
	for _, step := range []struct{ postback, payload, kind string }{
		{`{"id":"g1","status":"executing","responsePayload":{"a":1}}`, `{"a":1}`, "executing"},
		{`{"id":"g1","responsePayload":{"a":2}}`, `{"a":2}`, "response"},
		{`{"id":"g1","status":"completed"}`, `{"a":2}`, "completed"},
		{`{"id":"g1","status":"failedToSend"}`, `{"a":2}`, "conflict"},
	} {
		r.postback(id, step.postback)
		if latest := r.latest(id); string(latest.Kind) != step.kind {
			t.Fatalf("after %s the last event is %s, want %s", step.postback, latest.Kind, step.kind)
		}
		if got := r.get(id); string(got.ResponsePayload) != step.payload || got.Response != events.ResponseStored {
			t.Errorf("after %s: payload %s, response %s", step.postback, got.ResponsePayload, got.Response)
		}
	}
	if got := r.get(id); got.State != events.StateCompleted || got.Sequence != r.latest(id).Command.Sequence {
		t.Errorf("record %s", text(t, got))
	}
}

// aged fails reads of response events, as if they had reached the stream's age
// limit before the events after them.
type aged struct {
	store
	err error
}

func (a aged) LatestResponse(context.Context, string) (events.Stored, error) {
	return events.Stored{}, a.err
}

func TestGetOutlivesThePayload(t *testing.T) {
	m := new(memory)
	r := build(t, aged{m, events.NotFound("no such command")}, nil)
	id := r.sent(call()).Command.ID
	r.postback(id, `{"id":"g1","status":"completed","responsePayload":1}`)
	if got := r.get(id); got.State != events.StateCompleted || got.ResponsePayload != nil {
		t.Errorf("record %s", text(t, got))
	}
	// That it is out of reach this time is another matter.
	_, err := build(t, aged{m, events.Unavailable("down")}, nil).Get(t.Context(), idBody(id))
	wantCode(t, err, events.CodeUnavailable)
}

func TestIDsThatNameNoCommand(t *testing.T) {
	r := newRig(t)
	const form = "id is not the id of a command: 26 characters of a-z and 2-7"
	for _, c := range []struct {
		body    string
		code    events.Code
		field   string
		message string
	}{
		{`{}`, events.CodeInvalid, "id", form},
		{`{"id":"order-4711"}`, events.CodeInvalid, "id", form},
		{`{"id":"*"}`, events.CodeInvalid, "id", form},
		{`{"id":"` + events.RandomCommandID() + `."}`, events.CodeInvalid, "id", form},
		{`{"id":7}`, events.CodeInvalid, "id", "id is a JSON number; a string is needed"},
		{`{"ID":"x"}`, events.CodeInvalid, "ID", "ID is not a member of this request; did you mean id?"},
		{`[]`, events.CodeInvalid, "", "the body is not a JSON object"},
		{`{"id":"` + events.RandomCommandID() + `"}`, events.CodeNotFound, "", "no such command; its events may have left the stream with its age limit"},
	} {
		_, got := r.Get(t.Context(), []byte(c.body))
		wantError(t, got, c.code, c.field, c.message)
		_, cancel := r.Cancel(t.Context(), []byte(c.body))
		wantError(t, cancel, c.code, c.field, c.message)
	}
}

func TestGetDuringAnOutage(t *testing.T) {
	r := newRig(t)
	id := r.send(launch()).Command.ID
	r.tap.read = func(string) error { return events.Unavailable("down") }
	_, err := r.Get(t.Context(), idBody(id))
	wantCode(t, err, events.CodeUnavailable)
	r.tap.read = func(string) error { return errors.New("boom") }
	if _, err = r.Get(t.Context(), idBody(id)); err == nil || events.AsError(err).Code != events.CodeUnavailable {
		t.Errorf("error %v", err)
	}
}
