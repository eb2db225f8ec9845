package bridge_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/events"
)

// large is a response payload that fits no message.
func large() json.RawMessage {
	return json.RawMessage(`{"text":"` + strings.Repeat("é", 1<<20) + `"}`)
}

// whole reads a response payload in pieces.
func (r *rig) whole(id string) (payload []byte, pieces int) {
	r.t.Helper()
	request := events.ResponseRequest{ID: id}
	for {
		body := []byte(text(r.t, request))
		reply, err := r.Response(r.t.Context(), body)
		if err != nil {
			r.t.Fatal(err)
		}
		payload, pieces = append(payload, reply.Data...), pieces+1
		if request.Cursor = reply.Cursor; reply.Cursor != "" {
			continue
		}
		sum := sha256.Sum256(payload)
		if reply.Size != int64(len(payload)) || reply.SHA256 != hex.EncodeToString(sum[:]) {
			r.t.Errorf("%d bytes, said to be %d with %s", len(payload), reply.Size, reply.SHA256)
		}
		return payload, pieces
	}
}

func (r *rig) wantObject(id, story string) {
	r.t.Helper()
	r.wantStory(id, story)
	sum := sha256.Sum256(large())
	reply, err := r.Get(r.t.Context(), idBody(id))
	if err != nil {
		r.t.Fatal(err)
	}
	c := reply.Command
	want := id + "/" + hex.EncodeToString(sum[:])
	if c.ResponseRef == nil || c.ResponseRef.Name != want || c.ResponseRef.Size != int64(len(large())) || c.ResponsePayload != nil || c.Response != events.ResponseStored {
		r.t.Fatalf("record %s", text(r.t, c))
	}
	got, pieces := r.whole(id)
	if !bytes.Equal(got, large()) || pieces < 2 {
		r.t.Errorf("%d bytes in %d pieces", len(got), pieces)
	}
}

func TestALargePayloadIsFetchedIntoAnObject(t *testing.T) {
	for _, s := range []store{start(t), new(memory)} {
		r := build(t, s, nil)
		id := r.pending()
		r.graph.payload = payload(string(large()))
		r.look(id)
		r.wantObject(id, "accepted sending requesting completed response")
	}
}

func TestALargePayloadOfAPostback(t *testing.T) {
	r := newRig(t)
	id := r.sent(call()).Command.ID
	o := events.Observation{Status: "completed", Digest: "1", ResponsePayload: large()}
	for range 2 {
		if err := r.Postback(t.Context(), id, []events.Observation{o}); err != nil {
			t.Fatal(err)
		}
	}
	r.wantObject(id, "accepted sending requesting response completed")
}

func TestASmallPayloadInPieces(t *testing.T) {
	r := build(t, new(memory), func(o *bridge.Options) { o.MaxMessage = 26 << 10 })
	id := r.pending()
	small := `{"b":"` + strings.Repeat("x", 1500) + `"}`
	r.graph.payload = payload(small)
	r.look(id)
	got, pieces := r.whole(id)
	if string(got) != small || pieces != 2 {
		t.Errorf("%d bytes in %d pieces", len(got), pieces)
	}
	if c := r.latest(id).Command; c.ResponseRef != nil {
		t.Error("an object was made of what fits a message")
	}
}

func TestWhereTheObjectCannotBeStored(t *testing.T) {
	r := build(t, new(memory), nil)
	r.tap.put = func() error { return events.Unavailable("no room") }
	id := r.sent(call()).Command.ID
	// A postback is not acknowledged; its sender repeats it.
	o := events.Observation{Status: "completed", Digest: "1", ResponsePayload: large()}
	wantCode(t, r.Postback(t.Context(), id, []events.Observation{o}), events.CodeUnavailable)
	r.wantStory(id, "accepted sending requesting")
	// A poll keeps the status; the payload is fetched again.
	r.graph.status = func(string) (events.Observation, error) { return o, nil }
	r.graph.payload = payload(string(large()))
	r.clock.pass(pollFirst)
	r.look(id)
	r.wantArmed(time.Second)
	r.wantStory(id, "accepted sending requesting completed")
	// Not for ever.
	r.clock.pass(3 * time.Hour)
	r.look(id)
	r.wantStory(id, "accepted sending requesting completed response")
	if c := r.latest(id).Command; c.Response != events.ResponseFailed || c.Error.Code != events.CodeUnavailable {
		t.Errorf("record %s", text(t, c))
	}
}

func TestResponseIsRefused(t *testing.T) {
	r := build(t, new(memory), nil)
	id := r.sent(call()).Command.ID
	r.postback(id, `{"status":"completed","responsePayload":{"a":1}}`)
	none := r.sent(launch()).Command.ID
	for body, code := range map[string]events.Code{
		`{"id":"x"}`: events.CodeInvalid, `{}`: events.CodeInvalid, `{"id":"` + none + `"}`: events.CodeNotFound,
		`{"id":"` + id + `","cursor":"0"}`: events.CodeInvalid, `{"id":"` + id + `","cursor":"7"}`: events.CodeInvalid,
	} {
		if _, err := r.Response(t.Context(), []byte(body)); !events.HasCode(err, code) {
			t.Errorf("%s: %v, want %s", body, err, code)
		}
	}
	r.tap.put = func() error { return errors.New("not asked") }
	if got, pieces := r.whole(id); string(got) != `{"a":1}` || pieces != 1 {
		t.Errorf("%s in %d pieces", got, pieces)
	}
}

// TestAPostbackThatNothingTakes is not acknowledged: its payload fits neither the
// stream, which takes less than the server does, nor the object store.
func TestAPostbackThatNothingTakes(t *testing.T) {
	r := build(t, &memory{limit: 4096}, nil)
	id := r.sent(call()).Command.ID
	r.tap.put = func() error { return events.Unavailable("no room") }
	o := events.Observation{Status: "completed", Digest: "1", ResponsePayload: json.RawMessage(`"` + strings.Repeat("x", 4096) + `"`)}
	wantCode(t, r.Postback(t.Context(), id, []events.Observation{o}), events.CodeUnavailable)
	r.wantStory(id, "accepted sending requesting")
	r.tap.put = nil
	if err := r.Postback(t.Context(), id, []events.Observation{o}); err != nil {
		t.Error(err)
	}
	r.wantStory(id, "accepted sending requesting response completed")
}
