package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/events"
)

func paused(o *bridge.Options) { o.Paused = true }

func TestAPausedBridgeSendsNothing(t *testing.T) {
	r := build(t, new(memory), paused)
	from := r.send(launch(`"expiresIn":"20m"`))
	id := from.Command.ID
	if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.wantArmed(30 * time.Second)
	r.clock.pass(10 * time.Minute)
	r.look(id)
	r.wantArmed(time.Minute) // not more often than that, however many wait
	r.clock.pass(10 * time.Minute)
	r.look(id)
	r.wantStory(id, "accepted timedOut")
	r.wantPosts(0)
}

// TestQuarantine: what the store shows as unsent and old is called unknown, page
// by page, and is not sent when the bridge goes on.
func TestQuarantine(t *testing.T) {
	m := new(memory)
	before := build(t, m, nil)
	deferred := before.send(launch(`"requestId":"deferred"`))
	before.graph.post = fails(notTaken(time.Hour))
	before.Dispatch(t.Context(), deferred, delivery(1))
	before.graph.post = nil
	done := before.build(nil).sent(launch(`"requestId":"done"`)).Command.ID
	const many = 700
	for i := range many {
		before.send(launch(fmt.Sprintf(`"requestId":"%d"`, i)))
	}
	restored := before.build(paused)
	restored.clock.pass(time.Minute)
	cut := restored.clock.Now()
	restored.clock.pass(time.Minute)
	young := restored.send(launch(`"requestId":"young"`)).Command.ID

	var reply events.QuarantineReply
	examined, held := 0, 0
	for page := 0; page == 0 || reply.Cursor != ""; page++ {
		body := fmt.Sprintf(`{"before":%q,"cursor":%q}`, cut.Format(time.RFC3339Nano), reply.Cursor)
		if page == 0 {
			body = fmt.Sprintf(`{"before":%q}`, cut.Format(time.RFC3339Nano))
		}
		var err error
		if reply, err = restored.Quarantine(t.Context(), []byte(body)); err != nil {
			t.Fatal(err)
		}
		examined, held = examined+reply.Examined, held+reply.Quarantined
	}
	if examined != many+3 || held != many+1 {
		t.Errorf("examined %d, quarantined %d; want %d and %d", examined, held, many+3, many+1)
	}
	restored.wantStory(deferred.Command.ID, "accepted sending deferred outcomeUnknown")
	restored.wantStory(done, "accepted sending requesting")
	restored.wantStory(young, "accepted")
	c := restored.latest(deferred.Command.ID).Command
	if c.Error == nil || c.Error.Code != "quarantined" || c.Source != events.SourceCaller || c.Payload != nil {
		t.Errorf("record %s", text(t, c))
	}

	on := before.build(nil)
	posts := len(on.graph.sent())
	on.clock.pass(2 * time.Hour)
	on.look(deferred.Command.ID)
	on.wantPosts(posts)
	// The caller may ask anew.
	if _, err := on.Send(t.Context(), nil, launch(`"requestId":"again"`, `"retryOf":"`+events.RequestCommandID("0")+`"`)); err != nil {
		t.Error(err)
	}
}

func TestQuarantineIsRefused(t *testing.T) {
	running := build(t, new(memory), nil)
	_, err := running.Quarantine(t.Context(), []byte(`{"before":"2026-11-22T09:00:00Z"}`))
	wantError(t, err, events.CodeConflict, "", "the bridge is sending; start every replica with BRIDGE_DISPATCH=paused first")
	held := build(t, new(memory), paused)
	for body, field := range map[string]string{
		`{}`: "before", `{"before":"2027-01-01T00:00:00Z"}`: "before", `{"before":"yesterday"}`: "before",
		`{"before":"2026-11-22T09:00:00Z","cursor":"x"}`: "cursor", `{"before":"2026-11-22T09:00:00Z","after":1}`: "after",
	} {
		_, err := held.Quarantine(t.Context(), []byte(body))
		refusal := events.AsError(err)
		if refusal.Code != events.CodeInvalid || refusal.Field != field {
			t.Errorf("%s: %v (field %q)", body, err, refusal.Field)
		}
	}
}
