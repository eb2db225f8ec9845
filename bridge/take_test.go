package bridge_test

import (
	"strings"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/events"
)

// queued is the message number n of the intake stream.
func queued(n uint64, body []byte) bridge.QueuedRequest {
	return bridge.QueuedRequest{Data: body, StreamCreated: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Sequence: n}
}

func ownID(n uint64) string { return events.IntakeCommandID(queued(n, nil).StreamCreated, n) }

func (r *rig) take(q bridge.QueuedRequest) {
	r.t.Helper()
	if wait := r.Take(r.t.Context(), q); wait != 0 {
		r.t.Errorf("message %d comes again after %v", q.Sequence, wait)
	}
}

func TestAQueuedRequestBecomesTheSameCommand(t *testing.T) {
	r := newRig(t)
	body := launch(`"requestId":"a"`)
	r.take(queued(1, body))
	stored := r.latest(events.RequestCommandID("a"))
	receipt, err := r.Send(t.Context(), nil, body)
	if err != nil || text(t, receipt.Command) != text(t, stored.Command) {
		t.Errorf("Send gives %s, %v; Take stored\n%s", text(t, receipt.Command), err, text(t, stored.Command))
	}
	r.take(queued(2, body)) // the same request, queued again
	r.wantStory(stored.Command.ID, "accepted")
	if _, err := r.tap.store.Latest(t.Context(), ownID(2)); !events.HasCode(err, events.CodeNotFound) {
		t.Errorf("a repeat is no refusal: %v", err)
	}
}

func TestAQueuedRequestWithoutAnIDIsTakenOnce(t *testing.T) {
	r := newRig(t)
	for range 3 { // redelivered
		r.take(queued(1, launch()))
	}
	r.wantStory(ownID(1), "accepted")
	r.take(queued(2, launch())) // another message with the same body
	r.wantStory(ownID(2), "accepted")
}

func TestABadQueuedRequestIsRejectedInTheWordsOfSend(t *testing.T) {
	r := newRig(t)
	lost := r.send(launch(`"requestId":"taken"`)).Command
	for i, c := range []struct {
		name, body string
		device     string
		typ        events.Type
		requestID  string
	}{
		{"malformed", `{"deviceId":`, "", "", ""},
		{"not UTF-8", "\xff", "", "", ""},
		{"unknown member", `{"deviceId":"d1","typ":"launchUri"}`, "", "", ""},
		{"wrong type of a member", `{"deviceId":"d1","type":"LaunchUri","requestId":7}`, "d1", events.TypeLaunchURI, ""},
		{"bad expiry", string(launch(`"requestId":"x"`, `"correlationId":"c"`, `"expiresIn":"soon"`)), "d1", events.TypeLaunchURI, "x"},
		{"device too long", `{"requestId":"x","deviceId":"` + strings.Repeat("d", 300) + `","type":"launchUri","payload":{"uri":"a:"}}`, "", events.TypeLaunchURI, "x"},
		{"unknown type", `{"requestId":"x","deviceId":"d@1","type":"x"}`, "d@1", "", "x"},
		{"request id too long", `{"requestId":"` + strings.Repeat("x", 300) + `","deviceId":"d1"}`, "d1", "", strings.Repeat("x", 256)},
		{"retryOf unknown", string(launch(`"requestId":"x"`, retryOf(ownID(99)))), "d1", events.TypeLaunchURI, "x"},
		{"retryOf in flight", string(launch(`"requestId":"x"`, retryOf(lost.ID))), "d1", events.TypeLaunchURI, "x"},
		{"conflict", string(launch(`"requestId":"taken"`, `"expiresIn":"9m"`)), "d1", events.TypeLaunchURI, "taken"},
	} {
		sequence := uint64(i + 1)
		_, refusal := r.Send(t.Context(), nil, []byte(c.body))
		for range 2 { // redelivered
			r.take(queued(sequence, []byte(c.body)))
		}
		r.wantStory(ownID(sequence), "rejected")
		got := r.latest(ownID(sequence)).Command
		if text(t, got.Error) != text(t, refusal) {
			t.Errorf("%s: error %s, Send says %s", c.name, text(t, got.Error), text(t, refusal))
		}
		if !got.Terminal || got.DeviceID != c.device || got.Type != c.typ || got.RequestID != c.requestID || got.Payload != nil || got.Source != events.SourceCaller {
			t.Errorf("%s: record %s", c.name, text(t, got))
		}
	}
	if got := r.latest(lost.ID); text(t, got.Command) != text(t, lost) {
		t.Errorf("the command collided with is now %s", text(t, got.Command))
	}
}

func TestAQueuedRequestThatIsTooLargeIsRejected(t *testing.T) {
	r := build(t, start(t), func(o *bridge.Options) { o.MaxMessage = reserve + 600 })
	body := call(`"requestId":"x"`, `"correlationId":"`+strings.Repeat("c", 200)+`"`)
	_, refusal := r.Send(t.Context(), nil, body)
	wantCode(t, refusal, events.CodeTooLarge)
	r.take(queued(1, body))
	if got := r.latest(ownID(1)).Command; got.State != events.StateRejected || text(t, got.Error) != text(t, refusal) {
		t.Errorf("record %s", text(t, got))
	}
}

func TestAQueuedRequestComesAgainWhileItCannotBeStored(t *testing.T) {
	r := newRig(t)
	r.tap.before = always(events.StateAccepted, events.Unavailable("down"))
	if wait := r.Take(t.Context(), queued(1, launch())); !near(wait, 2*time.Second) {
		t.Errorf("it comes again after %v", wait)
	}
	r.tap.before = always(events.StateRejected, events.Unavailable("down"))
	if wait := r.Take(t.Context(), queued(2, []byte("{"))); !near(wait, 2*time.Second) {
		t.Errorf("a refusal that cannot be stored comes again after %v", wait)
	}
	r.tap.before = nil
	r.tap.fill = 0.9
	if wait := r.Take(t.Context(), queued(3, launch())); !near(wait, 2*time.Second) {
		t.Errorf("with a full stream it comes again after %v", wait)
	}
	r.tap.fill = 0
	for n := range uint64(3) {
		r.take(queued(n+1, launch()))
		r.wantStory(ownID(n+1), "accepted")
	}
}

// TestAQueuedRequestThatIsTooOld may have been taken and forgotten.
func TestAQueuedRequestThatIsTooOld(t *testing.T) {
	r := build(t, new(memory), nil)
	q := bridge.QueuedRequest{Data: launch(), StreamCreated: time.Unix(1, 0), Sequence: 7, Sent: r.clock.Now()}
	r.clock.pass(r.MaxAge - time.Second)
	if wait := r.Take(t.Context(), q); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.wantStory(events.IntakeCommandID(q.StreamCreated, q.Sequence), "accepted")
	r.clock.pass(time.Second)
	q.Sequence++
	if wait := r.Take(t.Context(), q); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	id := events.IntakeCommandID(q.StreamCreated, q.Sequence)
	r.wantStory(id, "rejected")
	if c := r.latest(id).Command; c.Error == nil || c.Error.Code != events.CodeInvalid {
		t.Errorf("record %s", text(t, c))
	}
}
