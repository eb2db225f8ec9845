package bridge_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge"
	"devicebridge/events"
	"devicebridge/schemas"
	"devicebridge/schemas/validate"
)

func TestEndpoints(t *testing.T) {
	r := build(t, new(memory), nil)
	var names []string
	for _, e := range r.Endpoints() {
		names = append(names, e.Name)
		if e.Description == "" || e.Handle == nil {
			t.Errorf("%s has no description or no handler", e.Name)
		}
		for _, schema := range []string{e.Request, e.Reply} {
			if !slices.Contains(schemas.Names(), schema) {
				t.Errorf("%s: there is no schema %q", e.Name, schema)
			}
		}
	}
	want := []string{
		"commands.send", "commands.get", "commands.response", "commands.list", "commands.cancel", "commands.erase", "commands.quarantine",
		"callbacks.create", "devices.list", "devices.get",
	}
	if !slices.Equal(names, want) {
		t.Errorf("endpoints %v, want %v", names, want)
	}
}

// TestEveryReplyFitsItsSchema asks each endpoint and validates what it takes and
// what it answers against the schemas in its metadata.
func TestEveryReplyFitsItsSchema(t *testing.T) {
	set, err := validate.Compile()
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.graph.devices = func() ([]events.Device, error) { return []events.Device{{ID: "d1", Name: "Surface"}}, nil }
	r.graph.post = fails(refused())
	refused := r.sent(launch()).Command.ID
	r.graph.post = fails(notTaken(-1))
	deferred := r.sent(launch()).Command.ID
	r.graph.post = nil
	ended := r.sent(call()).Command.ID
	r.postback(ended, `{"id":"g2","status":"failedToSend"}`)
	done := r.sent(call()).Command.ID
	r.postback(done, `{"id":"g1","status":"completed","responsePayload":{"b":2}}`)
	good := map[string][]string{
		"commands.send":       {string(launch(`"requestId":"a"`)), string(call(`"expiresIn":"10m"`))},
		"commands.get":        {string(idBody(done)), string(idBody(refused)), string(idBody(deferred))},
		"commands.response":   {string(idBody(done))},
		"commands.list":       {`{}`, `{"state":"completed","deviceId":"d1","limit":1}`, `{"limit":2,"cursor":"4"}`},
		"commands.cancel":     {string(idBody(deferred))},
		"commands.erase":      {string(idBody(ended)), `{"id":"` + ended + `","reason":"asked"}`},
		"commands.quarantine": {`{"before":"2026-11-22T10:00:00Z"}`, `{"before":"2026-11-22T10:00:00+01:00","cursor":"4"}`},
		"callbacks.create":    {`{}`, `{"requestId":"w","correlationId":"c","deviceId":"d1","expiresIn":"1h"}`},
		"devices.list":        {`{}`},
		"devices.get":         {`{"id":"d1"}`},
	}
	bad := map[string][]string{
		"commands.send":       {`{}`, string(launch(`"x":1`))},
		"commands.get":        {`{}`, `{"id":7}`},
		"commands.response":   {`{}`, `{"id":"` + done + `","cursor":7}`, `{"id":"` + done + `","offset":1}`},
		"commands.erase":      {`{}`, `{"id":"order-4711"}`, `{"id":"` + ended + `","why":"asked"}`, `{"id":"` + ended + `","reason":"` + strings.Repeat("x", 257) + `"}`},
		"commands.quarantine": {`{"before":7}`, `{"before":""}`, `{"before":"2026-11-22T09:00:00Z","x":1}`},
		"commands.list":       {`{"state":"done"}`, `{"limit":201}`, `{"limit":-1}`, `{"limit":"1"}`, `{"x":1}`},
		"commands.cancel":     {`{}`, `{"ID":"x"}`},
		"callbacks.create":    {`{"type":"launchUri"}`, `{"expiresIn":"-1s"}`, `{"requestId":""}`},
		"devices.list":        {`{"limit":1}`, `[]`},
		"devices.get":         {`{}`, `{"id":""}`},
	}
	held := r.build(func(o *bridge.Options) { o.Paused = true })
	for _, e := range held.Endpoints() {
		for _, body := range good[e.Name] {
			reply := handle(t, e, body)
			if err := set.Validate(e.Request, []byte(body)); err != nil {
				t.Errorf("%s takes %s, its schema does not: %v", e.Name, body, err)
			}
			if err := set.Validate(e.Reply, reply); err != nil {
				t.Errorf("%s answers %s: %v", e.Name, reply, err)
			}
		}
		for _, body := range bad[e.Name] {
			_, err := e.Handle(t.Context(), nil, []byte(body))
			wantCode(t, err, events.CodeInvalid)
			if set.Validate(e.Request, []byte(body)) == nil {
				t.Errorf("%s refuses %s, its schema does not", e.Name, body)
			}
			if err := set.Validate("error", []byte(text(t, events.ErrorReply{Error: events.AsError(err)}))); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
		}
		if len(good[e.Name]) == 0 || len(bad[e.Name]) == 0 {
			t.Errorf("%s is not tested", e.Name)
		}
	}
	for _, id := range []string{done, refused, deferred} {
		for _, e := range r.history(id) {
			if err := set.Validate("command", []byte(text(t, e.Command))); err != nil {
				t.Errorf("event %s: %v", e.Kind, err)
			}
		}
	}
}

// handle gives an endpoint's reply as JSON.
func handle(t *testing.T, e bridge.Endpoint, body string) []byte {
	t.Helper()
	reply, err := e.Handle(t.Context(), nil, []byte(body))
	if err != nil {
		t.Fatalf("%s refuses %s: %v", e.Name, body, err)
	}
	b, err := json.Marshal(reply)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
