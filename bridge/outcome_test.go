package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

func TestOutcomesOfThePOST(t *testing.T) {
	graphs := func(status int, code, message string) events.Error {
		return events.Error{Code: events.Code(code), Message: message, HTTPStatus: status, RequestID: "req-1"}
	}
	for _, c := range []struct {
		name  string
		err   error
		state events.State
		error events.Error
		// least and most bound the wait for the next attempt; 0: none follows.
		least, most time.Duration
	}{
		{"throttled", notTaken(2128 * time.Millisecond), events.StateDeferred, graphs(429, "tooManyRequests", "slow down"), 2128 * time.Millisecond, 2128 * time.Millisecond},
		{"not taken", notTaken(-1), events.StateDeferred, graphs(429, "tooManyRequests", "slow down"), 900 * time.Millisecond, 1100 * time.Millisecond},
		{"throttled for no time", notTaken(0), events.StateDeferred, graphs(429, "tooManyRequests", "slow down"), 900 * time.Millisecond, 1100 * time.Millisecond},
		{"no connection", &graph.SendError{Outcome: graph.NotTaken, Err: errors.New("dial: refused")}, events.StateDeferred,
			events.Error{Code: "noAnswer", Message: "graph: send command: not taken: dial: refused"}, 900 * time.Millisecond, 1100 * time.Millisecond},
		{"unknown", unknown(), events.StateOutcomeUnknown,
			events.Error{Code: "noAnswer", Message: "graph: send command: outcome unknown: connection reset by peer"}, 0, 0},
		{"unknown with an answer", &graph.SendError{Outcome: graph.Unknown, Err: answer(504, "gatewayTimeout", "late")}, events.StateOutcomeUnknown,
			graphs(504, "gatewayTimeout", "late"), 0, 0},
		{"an error of another kind", errors.New("what?"), events.StateOutcomeUnknown, events.Error{Code: "noAnswer", Message: "what?"}, 0, 0},
		{"refused", refused(), events.StateRejected, graphs(400, "badRequest", "no such device"), 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := build(t, new(memory), nil)
			r.graph.post = fails(c.err)
			got := r.sent(launch()).Command
			r.wantStory(got.ID, "accepted sending "+string(c.state))
			if got.Error == nil || *got.Error != c.error || got.Source != events.SourceDispatch || got.Attempt != 1 {
				t.Errorf("record %s, want the error %+v", text(t, got), c.error)
			}
			if deferred := c.state == events.StateDeferred; (got.Payload != nil) != deferred || (got.RetryAt != nil) != deferred {
				t.Errorf("payload %s, retryAt %v", got.Payload, got.RetryAt)
			}
			if got.RetryAt != nil {
				wait := got.RetryAt.Sub(r.clock.Now())
				if wait < c.least || wait > c.most || !r.tap.lastArmed().Equal(*got.RetryAt) {
					t.Errorf("again after %v, timer at %v; want %v to %v", wait, r.tap.lastArmed(), c.least, c.most)
				}
			}
			// Whatever wakes the bridge again now, it does not send.
			r.Look(t.Context(), got.ID, delivery(1))
			r.wantPosts(1)
		})
	}
}

func TestThePauseBetweenAttemptsGrows(t *testing.T) {
	r := build(t, new(memory), nil)
	r.graph.post = fails(notTaken(-1))
	id := r.sent(launch(`"expiresIn":"72h"`)).Command.ID
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		c := r.latest(id).Command
		if wait := c.RetryAt.Sub(r.clock.Now()); !near(wait, want*time.Second) || c.Attempt != i+1 {
			t.Errorf("attempt %d is followed after %v, want about %v", c.Attempt, wait, want*time.Second)
		}
		r.clock.pass(c.RetryAt.Sub(r.clock.Now()))
		r.Look(t.Context(), id, delivery(1))
	}
}

// TestADeferralBeyondTheEndExpiresInTime: a Retry-After longer than the
// command's life must not keep the command alive.
func TestADeferralBeyondTheEndExpiresInTime(t *testing.T) {
	r := newRig(t)
	r.graph.post = fails(notTaken(24 * time.Hour))
	c := r.sent(launch(`"expiresIn":"10m"`)).Command
	if got := r.tap.lastArmed(); !got.Equal(c.ExpiresAt) {
		t.Errorf("timer at %v, want its end at %v", got, c.ExpiresAt)
	}
	if wait := r.Look(t.Context(), c.ID, delivery(1)); wait != 0 || !r.tap.lastArmed().Equal(c.ExpiresAt) || len(r.tap.armed()) != 3 {
		t.Errorf("an early timer: comes again after %v, timers %v; want it set again", wait, r.tap.armed())
	}
	r.clock.pass(10 * time.Minute)
	r.Look(t.Context(), c.ID, delivery(1))
	r.wantStory(c.ID, "accepted sending deferred timedOut")
	r.wantPosts(1)
}

// TestTheTimerOfAClaimIsNotLaterThanTheEnd: a command lost in its last seconds
// ends in time too.
func TestTheTimerOfAClaimIsNotLaterThanTheEnd(t *testing.T) {
	r := newRig(t)
	r.graph.post = fails(unknown())
	c := r.sent(launch(`"expiresIn":"5s"`)).Command
	if got := r.tap.lastArmed(); !got.Equal(c.ExpiresAt) {
		t.Errorf("timer at %v, want its end at %v", got, c.ExpiresAt)
	}
}

func TestADeferredCommandStaysDeliveredWithoutATimer(t *testing.T) {
	r := build(t, new(memory), nil)
	from := r.send(launch())
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
		r.tap.arm = func(string, time.Time) error { return events.Unavailable("down") }
		return events.Observation{}, notTaken(7 * time.Second)
	}
	if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != 7*time.Second {
		t.Errorf("the delivery comes again after %v, want 7s", wait)
	}
}

// TestTheAnswerKeepsItsIDWithoutATooLargePayload: a payload that fits no message
// must not cost the command Graph's id.
func TestTheAnswerKeepsItsIDWithoutATooLargePayload(t *testing.T) {
	r := build(t, &memory{limit: 4096}, nil)
	r.tap.put = func() error { return events.Unavailable("no room") }
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
		return observed(t, `{"id":"g1","status":"completed","responsePayload":"`+strings.Repeat("x", 4096)+`"}`)[0], nil
	}
	got := r.sent(call()).Command
	r.wantStory(got.ID, "accepted sending completed")
	if got.GraphID != "g1" || got.Response != events.ResponsePending {
		t.Errorf("record %s", text(t, got))
	}
}
