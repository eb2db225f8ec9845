package bridge_test

import (
	"context"
	"strings"
	"testing"

	"devicebridge/events"
)

// halves are texts with half of a surrogate pair, which readers take for one and the
// same.
func halves() []string {
	return []string{`party \ud83c`, `party \ud83d`, `party \udf89`, `\ud83c party`, `\udf89\ud83c`}
}

// TestIDsThatDifferStayTwo: a half of a surrogate pair is refused in every text of a
// request, and nothing is stored for it.
func TestIDsThatDifferStayTwo(t *testing.T) {
	store := new(memory)
	r := build(t, store, nil)
	for _, half := range halves() {
		for field, body := range map[string]string{
			"requestId":         string(launch(`"requestId":"` + half + `"`)),
			"correlationId":     string(launch(`"correlationId":"` + half + `"`)),
			"expiresIn":         string(launch(`"expiresIn":"` + half + `"`)),
			"retryOf":           string(launch(`"retryOf":"` + half + `"`)),
			"deviceId":          `{"deviceId":"` + half + `","type":"launchUri","payload":{"uri":"https://example.com/"}}`,
			"type":              `{"deviceId":"d","type":"` + half + `","payload":{"uri":"https://example.com/"}}`,
			"payload.uri":       `{"deviceId":"d","type":"launchUri","payload":{"uri":"https://example.com/` + half + `"}}`,
			"payload.a.1.b":     `{"deviceId":"d","type":"appService","appServiceName":"s","packageFamilyName":"p","payload":{"a":[0,{"b":"` + half + `"}]}}`,
			"payload":           `{"deviceId":"d","type":"appService","appServiceName":"s","packageFamilyName":"p","payload":{"` + half + `":1}}`,
			"appServiceName":    `{"deviceId":"d","type":"appService","appServiceName":"` + half + `","packageFamilyName":"p","payload":{}}`,
			"packageFamilyName": `{"deviceId":"d","type":"appService","appServiceName":"s","packageFamilyName":"` + half + `","payload":{}}`,
		} {
			_, err := r.Send(t.Context(), nil, []byte(body))
			wantInvalid(t, body, err, field)
		}
	}
	if len(store.log) != 0 {
		t.Errorf("%d events are stored", len(store.log))
	}
	// A whole pair, and the character that readers put in the place of a half, are texts.
	for _, id := range []string{`party \ud83c\udf89`, `party 🎉`, `party \ufffd`, `party \\ud83c`} {
		if _, err := r.Send(t.Context(), nil, launch(`"requestId":"`+id+`"`)); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func wantInvalid(t *testing.T, body string, err error, field string) {
	t.Helper()
	refusal := events.AsError(err)
	if err == nil || refusal.Code != events.CodeInvalid || refusal.Field != field {
		t.Errorf("%s: %v, want invalid of %s", body, err, field)
	}
}

// TestEveryEndpointRefusesHalves: whatever it takes.
func TestEveryEndpointRefusesHalves(t *testing.T) {
	r := build(t, new(memory), nil)
	for name, c := range map[string]struct {
		member string
		ask    func(context.Context, []byte) error
	}{
		"get":       {"id", func(ctx context.Context, data []byte) error { _, err := r.Get(ctx, data); return err }},
		"cancel":    {"id", func(ctx context.Context, data []byte) error { _, err := r.Cancel(ctx, data); return err }},
		"list":      {"cursor", func(ctx context.Context, data []byte) error { _, err := r.List(ctx, data); return err }},
		"list of":   {"deviceId", func(ctx context.Context, data []byte) error { _, err := r.List(ctx, data); return err }},
		"response":  {"cursor", func(ctx context.Context, data []byte) error { _, err := r.Response(ctx, data); return err }},
		"erase":     {"reason", func(ctx context.Context, data []byte) error { _, err := r.Erase(ctx, data); return err }},
		"device":    {"id", func(ctx context.Context, data []byte) error { _, err := r.Device(ctx, data); return err }},
		"callbacks": {"requestId", func(ctx context.Context, data []byte) error { _, err := r.CreateCallback(ctx, nil, data); return err }},
		"correlate": {"correlationId", func(ctx context.Context, data []byte) error { _, err := r.CreateCallback(ctx, nil, data); return err }},
	} {
		for _, half := range halves() {
			wantInvalid(t, name, c.ask(t.Context(), []byte(`{"`+c.member+`":"`+half+`"}`)), c.member)
		}
	}
}

// TestAHeaderThatIsNoUTF8IsNoID: as in the body.
func TestAHeaderThatIsNoUTF8IsNoID(t *testing.T) {
	r := build(t, new(memory), nil)
	for _, id := range []string{"party \xff", "party \xed\xa0\xbc"} {
		header := map[string][]string{"Nats-Msg-Id": {id}}
		_, err := r.Send(t.Context(), header, launch())
		wantInvalid(t, id, err, "requestId")
		_, err = r.CreateCallback(t.Context(), header, nil)
		wantInvalid(t, id, err, "requestId")
	}
}

// TestOneDepthAtEveryDoor: what is accepted can be had again, and what is nested deeper
// is refused, left out or given up with words.
func TestOneDepthAtEveryDoor(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	r := build(t, new(memory), nil)
	body := func(n int) []byte { // the payload itself is one more
		return []byte(`{"deviceId":"d","type":"appService","appServiceName":"s","packageFamilyName":"p","payload":{"a":` + deep(n-1) + `}}`)
	}
	for _, n := range []int{events.MaxDepth + 1, 5_000, 9_900} {
		_, err := r.Send(t.Context(), nil, body(n))
		wantInvalid(t, "", err, "payload")
	}
	stored, err := r.Send(t.Context(), nil, body(events.MaxDepth))
	if err != nil {
		t.Fatal(err)
	}
	id := stored.Command.ID
	r.Dispatch(t.Context(), r.latest(id), delivery(1))
	for _, n := range []int{9_900, events.MaxDepth} {
		if err := r.Postback(t.Context(), id, observed(t, `{"status":"executing","responsePayload":`+deep(n)+`}`)); err != nil {
			t.Fatal(err)
		}
	}
	reply, err := r.Response(t.Context(), []byte(`{"id":"`+id+`"}`))
	if err != nil || string(reply.Data) != deep(events.MaxDepth) {
		t.Errorf("got %d bytes, %v", len(reply.Data), err)
	}
}
