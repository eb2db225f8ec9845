package bridge_test

import (
	"strings"
	"testing"
	"time"

	"devicebridge/events"
)

// callback mints a callback.
func (r *rig) callback(body string) events.Receipt {
	r.t.Helper()
	receipt, err := r.CreateCallback(r.t.Context(), nil, []byte(body))
	if err != nil {
		r.t.Fatal(err)
	}
	return receipt
}

func TestCreateCallback(t *testing.T) {
	r := newRig(t)
	const body = `{"requestId":"watch","correlationId":"c","deviceId":"d1","expiresIn":"2h"}`
	receipt := r.callback(body)
	c := receipt.Command
	if want := "https://bridge.example/" + c.ID + "/2026-11-29T10:00:00Z"; receipt.CallbackURL != want {
		t.Errorf("callback %s, want %s", receipt.CallbackURL, want)
	}
	if receipt.Events != "devicebridge.v1.events."+c.ID+".>" || c.ID != events.RequestCommandID("watch") {
		t.Errorf("events %s of command %s", receipt.Events, c.ID)
	}
	if c.State != events.StateRegistered || c.DeviceID != "d1" || c.Type != "" || c.CorrelationID != "c" || c.ExpiresAt.Sub(c.CreatedAt) != 2*time.Hour {
		t.Errorf("record %s", text(t, c))
	}
	if !r.tap.lastArmed().Equal(c.ExpiresAt) {
		t.Errorf("timer at %v, want %v", r.tap.lastArmed(), c.ExpiresAt)
	}
	r.clock.pass(time.Minute)
	if again := r.callback(body); text(t, again) != text(t, receipt) {
		t.Errorf("the repeat gives\n%s, want\n%s", text(t, again), text(t, receipt))
	}
	r.postback(c.ID, `{"id":"g","status":"executing"}`)
	if again := r.callback(body); again.CallbackURL != receipt.CallbackURL || again.Command.State != events.StateExecuting {
		t.Errorf("the repeat gives\n%s", text(t, again))
	}
	r.clock.pass(time.Hour)
	r.look(c.ID)
	if n := r.graph.polled(); n != 0 {
		t.Errorf("somebody else's command is polled %d times", n)
	}
	r.postback(c.ID, `{"id":"g","status":"completed"}`)
	r.wantStory(c.ID, "registered executing completed")
	r.wantPosts(0)
}

func TestAnEmptyCallbackRequest(t *testing.T) {
	r := newRig(t)
	one, two := r.callback(``), r.callback(`{}`)
	if one.CallbackURL == two.CallbackURL || one.Command.ExpiresAt.Sub(one.Command.CreatedAt) != time.Hour {
		t.Errorf("callbacks %s and %s", text(t, one), text(t, two))
	}
}

func TestCallbackConflicts(t *testing.T) {
	r := newRig(t)
	first := r.callback(`{"requestId":"watch","deviceId":"d1"}`).Command
	sent := r.send(launch(`"requestId":"sent"`)).Command
	for _, body := range []string{
		`{"requestId":"watch","deviceId":"d2"}`, `{"requestId":"watch"}`, `{"requestId":"watch","deviceId":"d1","expiresIn":"2h"}`, `{"requestId":"sent","deviceId":"d1"}`,
	} {
		_, err := r.CreateCallback(t.Context(), nil, []byte(body))
		wantCode(t, err, events.CodeConflict)
	}
	_, err := r.Send(t.Context(), nil, launch(`"requestId":"watch"`))
	wantCode(t, err, events.CodeConflict)
	r.wantStory(first.ID, "registered")
	r.wantStory(sent.ID, "accepted")
}

func TestCallbackRefusals(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		body, header, field, message string
	}{
		{`{"type":"launchUri"}`, "", "type", "type is not a member of this request; it takes requestId, correlationId, deviceId, expiresIn"},
		{`{"requestId":"a"}`, "b", "requestId", "requestId differs from the header Nats-Msg-Id; give one of them, or the same in both"},
		{`{"requestId":"` + strings.Repeat("x", 257) + `"}`, "", "requestId", "requestId takes at most 256 bytes and no control characters"},
		{`{"deviceId":".."}`, "", "deviceId", "deviceId is a path step, which cannot name a device in a URL"},
		{`{"expiresIn":"73h"}`, "", "expiresIn", "expiresIn is longer than the 72h0m0s this bridge allows"},
	} {
		_, err := r.CreateCallback(t.Context(), map[string][]string{"Nats-Msg-Id": {c.header}}, []byte(c.body))
		wantError(t, err, events.CodeInvalid, c.field, c.message)
	}
	if r.tap.appends() != 0 {
		t.Errorf("%d events stored", r.tap.appends())
	}
}

// TestACallbackNeedsItsTimer: nothing else would ever end it.
func TestACallbackNeedsItsTimer(t *testing.T) {
	r := newRig(t)
	r.tap.arm = func(string, time.Time) error { return events.Unavailable("down") }
	_, err := r.CreateCallback(t.Context(), nil, []byte(`{"requestId":"watch"}`))
	wantCode(t, err, events.CodeUnavailable)
	r.tap.arm = nil
	c := r.callback(`{"requestId":"watch"}`).Command
	r.wantStory(c.ID, "registered")
	if !r.tap.lastArmed().Equal(c.ExpiresAt) {
		t.Errorf("timer at %v, want %v", r.tap.lastArmed(), c.ExpiresAt)
	}
}

func TestAFullStreamTakesNoNewCallbacks(t *testing.T) {
	r := newRig(t)
	old := r.callback(`{"requestId":"old"}`)
	r.tap.fill = 0.8
	_, err := r.CreateCallback(t.Context(), nil, []byte(`{}`))
	wantCode(t, err, events.CodeUnavailable)
	if again := r.callback(`{"requestId":"old"}`); again.CallbackURL != old.CallbackURL {
		t.Errorf("the repeat gives %s, want %s", again.CallbackURL, old.CallbackURL)
	}
}
