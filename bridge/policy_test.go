package bridge_test

import (
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/policy"
	"devicebridge/events"
)

// governed gives a bridge under the policy of a file.
func governed(t *testing.T, s store, file string) (*rig, *policy.Live) {
	t.Helper()
	live := policy.NewLive(policyOf(t, file))
	return build(t, s, func(o *bridge.Options) { o.Policy = live }), live
}

func policyOf(t *testing.T, file string) *policy.Policy {
	t.Helper()
	settings, err := policy.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const narrow = `{"devices": ["d1"], "appServices": ["pkg/svc"]}`

// TestForbiddenAtBothDoors refuses the same with the same words, whoever asks how:
// before anything is accepted, and with a `rejected` event for what was queued.
func TestForbiddenAtBothDoors(t *testing.T) {
	r, _ := governed(t, new(memory), narrow)
	n := uint64(0)
	for name, test := range map[string]struct{ body, field string }{
		"scheme":           {`{"requestId":"1","deviceId":"d1","type":"launchUri","payload":{"uri":"JaVaScRiPt:alert(1)"}}`, "payload.uri"},
		"user":             {`{"requestId":"2","deviceId":"d1","type":"launchUri","payload":{"uri":"https://a@example.com/"}}`, "payload.uri"},
		"second member":    {`{"requestId":"3","deviceId":"d1","type":"launchUri","payload":{"uri":"https://example.com/","URI":"file:///a"}}`, "payload"},
		"escaped in JSON":  {`{"requestId":"4","deviceId":"d1","type":"launchUri","payload":{"uri":"\u006aavascript:a"}}`, "payload.uri"},
		"device":           {`{"requestId":"5","deviceId":"d2","type":"launchUri","payload":{"uri":"https://example.com/"}}`, "deviceId"},
		"service":          {`{"requestId":"6","deviceId":"d1","type":"appService","payload":{},"appServiceName":"other","packageFamilyName":"pkg"}`, "appServiceName"},
		"no request id":    {`{"deviceId":"d2","type":"launchUri","payload":{"uri":"https://example.com/"}}`, "deviceId"},
		"backslash in URI": {`{"deviceId":"d1","type":"launchUri","payload":{"uri":"https://example.com/\\evil.example"}}`, "payload.uri"},
	} {
		_, err := r.Send(t.Context(), nil, []byte(test.body))
		wantCode(t, err, events.CodeForbidden)
		refusal := events.AsError(err)
		if refusal.Field != test.field {
			t.Errorf("%s: the field is %q", name, refusal.Field)
		}
		n++
		r.take(queued(n, []byte(test.body)))
		r.wantStory(ownID(n), "rejected")
		got := r.latest(ownID(n)).Command
		if got.State != events.StateRejected || text(t, got.Error) != text(t, refusal) || got.Payload != nil {
			t.Errorf("%s: queued it is %s, asked for it is %s", name, text(t, got), text(t, refusal))
		}
	}
	for id := range 6 {
		if _, err := r.tap.store.Latest(t.Context(), events.RequestCommandID(string(rune('1'+id)))); !events.HasCode(err, events.CodeNotFound) {
			t.Errorf("request %d left a command: %v", id+1, err)
		}
	}
	r.wantPosts(0)
}

// TestWhatIsSentIsAsUnderstood, and a repeat is one by what was asked for.
func TestWhatIsSentIsAsUnderstood(t *testing.T) {
	r, live := governed(t, new(memory), narrow)
	body := []byte(`{"requestId":"a","deviceId":"d1","type":"launchUri","payload":{"uri":"HTTPS://Example.COM:0443/?a=b","x":1.50}}`)
	stored := r.sent(body)
	if posts := r.graph.sent(); len(posts) != 1 || string(posts[0].Payload) != `{"uri":"https://example.com:443/?a=b","x":1.50}` {
		t.Errorf("sent was %v", posts)
	}
	plain := build(t, new(memory), nil).send(body).Command
	if plain.RequestSHA256 != stored.Command.RequestSHA256 {
		t.Error("the policy changes the digest of a request")
	}
	live.Replace(policyOf(t, `{"uriSchemes": [], "devices": []}`)) // everything is forbidden from now on
	again, err := r.Send(t.Context(), nil, body)
	if err != nil || again.Command.ID != stored.Command.ID {
		t.Errorf("the same again: %v, %v", again.Command.ID, err)
	}
	r.take(queued(1, body))
	if _, err := r.tap.store.Latest(t.Context(), ownID(1)); !events.HasCode(err, events.CodeNotFound) {
		t.Errorf("the same again, queued, has a command of its own: %v", err)
	}
	_, err = r.Send(t.Context(), nil, []byte(`{"requestId":"a","deviceId":"d1","type":"launchUri","payload":{"uri":"https://example.com/other"}}`))
	wantCode(t, err, events.CodeConflict)
	_, err = r.Send(t.Context(), nil, launch(`"requestId":"b"`))
	wantCode(t, err, events.CodeForbidden)
}

// TestCommandsWaitForTheirTurn unclaimed, on their timers, and none is lost.
func TestCommandsWaitForTheirTurn(t *testing.T) {
	r, _ := governed(t, new(memory), `{"deviceSendRate": "1/m"}`)
	var ids []string
	for _, id := range []string{"a", "b", "c"} {
		from := r.send(launch(`"requestId":"` + id + `"`))
		if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != 0 {
			t.Errorf("%s comes again after %v, not by its timer", id, wait)
		}
		ids = append(ids, from.Command.ID)
	}
	other := r.send([]byte(`{"deviceId":"d2","type":"launchUri","payload":{"uri":"https://example.com/"}}`))
	r.Dispatch(t.Context(), other, delivery(1))
	r.wantPosts(2)
	r.wantStory(ids[1], "accepted")
	for n := 1; n < 3; n++ {
		r.clock.pass(time.Minute)
		for _, id := range ids[1:] { // the timers; that of the last comes too early
			r.Look(t.Context(), id, delivery(1))
		}
		r.wantPosts(2 + n)
	}
	r.wantStory(ids[2], "accepted sending requesting")
}

// TestATurnAfterTheEnd: who cannot be sent in time ends by its own timer.
func TestATurnAfterTheEnd(t *testing.T) {
	r, _ := governed(t, new(memory), `{"sendRate": "1/h"}`)
	r.sent(launch())
	from := r.send(launch(`"expiresIn":"10m"`))
	if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != 0 {
		t.Errorf("it comes again after %v", wait)
	}
	r.clock.pass(10 * time.Minute)
	r.Look(t.Context(), from.Command.ID, delivery(1))
	r.wantStory(from.Command.ID, "accepted timedOut")
	r.wantPosts(1)
}
