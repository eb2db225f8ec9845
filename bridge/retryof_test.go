package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"devicebridge/events"
)

// lost gives a command whose POST had an unknown outcome.
func (r *rig) lost(body []byte) string {
	r.t.Helper()
	r.graph.post = fails(unknown())
	id := r.sent(body).Command.ID
	r.graph.post = nil
	return id
}

func retryOf(id string) string { return fmt.Sprintf(`"retryOf":"%s"`, id) }

func TestRetryOfNamesALostCommand(t *testing.T) {
	r := newRig(t)
	lost := r.lost(launch(`"requestId":"lost"`))
	old := r.lost(launch(`"requestId":"old"`))
	r.clock.pass(time.Hour)
	r.Look(t.Context(), old, delivery(1))
	r.wantStory(old, "accepted sending outcomeUnknown timedOut")
	for _, id := range []string{lost, old} {
		again := r.send(launch(retryOf(id), `"requestId":"again-`+id+`"`)).Command
		if again.RetryOf != id || again.ID == id {
			t.Errorf("command %s has retryOf %q, want %s", again.ID, again.RetryOf, id)
		}
	}
}

func TestRetryOfIsRefused(t *testing.T) {
	r := newRig(t)
	waiting := r.send(launch(`"requestId":"waiting"`)).Command.ID
	done := r.sent(launch(`"requestId":"done"`)).Command.ID
	r.postback(done, `{"status":"completed"}`)
	own := events.RequestCommandID("own")
	const only = "; only one that is outcomeUnknown or timedOut may be asked for again"
	for _, c := range []struct {
		name, of string
		code     events.Code
		message  string
	}{
		{"unknown", events.RequestCommandID("nobody"), events.CodeInvalid, "retryOf names a command that is not known"},
		{"accepted", waiting, events.CodeConflict, "retryOf names a command that is accepted" + only},
		{"completed", done, events.CodeConflict, "retryOf names a command that is completed" + only},
		{"itself", own, events.CodeInvalid, "retryOf names the command itself; ask under a new request id"},
	} {
		_, err := r.Send(t.Context(), nil, launch(retryOf(c.of), `"requestId":"own"`))
		wantError(t, err, c.code, "retryOf", c.message)
		if _, err := r.tap.store.Latest(t.Context(), own); !events.HasCode(err, events.CodeNotFound) {
			t.Errorf("%s: the command was stored: %v", c.name, err)
		}
	}
}

// TestARepeatedRetryStandsWhateverBecameOfTheOld repeats a request that was
// admitted while the old command was lost, after that one healed.
func TestARepeatedRetryStandsWhateverBecameOfTheOld(t *testing.T) {
	r := newRig(t)
	old := r.lost(launch(`"requestId":"old"`))
	first := r.send(launch(retryOf(old), `"requestId":"again"`))
	r.postback(old, `{"id":"g","status":"completed"}`)

	repeat := r.send(launch(retryOf(old), `"requestId":"again"`))
	if text(t, repeat) != text(t, first) {
		t.Errorf("the repeat gives\n%s, want\n%s", text(t, repeat), text(t, first))
	}
	_, err := r.Send(t.Context(), nil, launch(retryOf(old), `"requestId":"once more"`))
	wantCode(t, err, events.CodeConflict)
}

func TestRetryOfCannotBeCheckedDuringAnOutage(t *testing.T) {
	r := newRig(t)
	old := r.lost(launch())
	r.tap.read = func(string) error { return events.Unavailable("no answer") }
	_, err := r.Send(t.Context(), nil, launch(retryOf(old), `"requestId":"again"`))
	wantCode(t, err, events.CodeUnavailable)
	r.tap.read = nil
	if c := r.send(launch(retryOf(old), `"requestId":"again"`)).Command; c.RetryOf != old {
		t.Errorf("retryOf %q, want %s", c.RetryOf, old)
	}
}
