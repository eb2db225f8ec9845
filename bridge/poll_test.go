package bridge_test

import (
	"errors"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/events"
)

// look runs a due timer's delivery and fails if it is not done.
func (r *rig) look(id string) {
	r.t.Helper()
	if wait := r.Look(r.t.Context(), id, delivery(1)); wait != 0 {
		r.t.Errorf("look: comes again after %v", wait)
	}
}

// wantArmed fails unless the timer stands after d, give or take the jitter.
func (r *rig) wantArmed(d time.Duration) {
	r.t.Helper()
	if got := r.tap.lastArmed().Sub(r.clock.Now()); !near(got, d) {
		r.t.Errorf("the timer stands in %v, want about %v", got, d)
	}
}

func TestAPollIsNotDueAfterNews(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch()).Command.ID
	r.clock.pass(20 * time.Second)
	r.postback(id, `{"id":"g1","status":"executing"}`)
	r.clock.pass(10 * time.Second)
	r.look(id)
	if n := r.graph.polled(); n != 0 {
		t.Errorf("%d polls", n)
	}
	if got := r.tap.lastArmed().Sub(r.clock.Now()); got != 20*time.Second {
		t.Errorf("the timer stands in %v, want 20s: a poll's delay after the news", got)
	}
}

func TestPollsGrowApart(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch(`"expiresIn":"10h"`)).Command.ID
	silence := pollFirst
	r.clock.pass(pollFirst)
	for range 6 {
		r.look(id)
		r.wantArmed(min(silence, 5*time.Minute))
		step := r.tap.lastArmed().Sub(r.clock.Now())
		r.clock.pass(step)
		silence += step
	}
	if n := r.graph.polled(); n != 6 {
		t.Errorf("%d polls, want 6", n)
	}
	r.wantStory(id, "accepted sending requesting")
}

func TestAPollFoldsWhatItFinds(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch()).Command.ID
	r.clock.pass(4 * time.Minute)
	r.graph.status = func(graphID string) (events.Observation, error) {
		return observed(t, `{"id":"`+graphID+`","status":"executing"}`)[0], nil
	}
	r.look(id)
	r.wantArmed(pollFirst) // there was news: the delay begins anew
	r.graph.status = func(graphID string) (events.Observation, error) {
		return observed(t, `{"id":"`+graphID+`","status":"completed"}`)[0], nil
	}
	r.clock.pass(pollFirst + 5*time.Second)
	timers := len(r.tap.armed())
	r.look(id)
	if len(r.tap.armed()) != timers {
		t.Error("the end set another timer")
	}
	r.wantStory(id, "accepted sending requesting executing completed")
	if c := r.latest(id).Command; c.Source != events.SourcePoll {
		t.Errorf("source %s", c.Source)
	}
}

// TestAPollThatCompletesFetches gets the payload in the same look.
func TestAPollThatCompletesFetches(t *testing.T) {
	r := newRig(t)
	id := r.sent(call()).Command.ID
	r.clock.pass(pollFirst)
	r.graph.status = func(string) (events.Observation, error) { return events.Observation{Status: "completed"}, nil }
	r.graph.payload = payload(`{"b":1}`)
	r.look(id)
	r.wantStory(id, "accepted sending requesting completed response")
}

func TestAPollThatFails(t *testing.T) {
	limited := answer(429, "tooManyRequests", "slow down")
	limited.RetryAfter = 2 * time.Minute
	for _, c := range []struct {
		name string
		err  error
		want time.Duration
	}{
		{"no answer", errors.New("dial"), pollFirst},
		{"server error", answer(500, "internalServerError", "oops"), pollFirst},
		{"throttled", limited, 2 * time.Minute},
		{"not found yet: slowly", answer(404, "itemNotFound", "no such command"), 5 * time.Minute},
	} {
		r := build(t, new(memory), nil)
		id := r.sent(launch()).Command.ID
		r.clock.pass(pollFirst)
		r.graph.status = func(string) (events.Observation, error) { return events.Observation{}, c.err }
		r.look(id)
		if got := r.tap.lastArmed().Sub(r.clock.Now()); !near(got, c.want) {
			t.Errorf("%s: the timer stands in %v, want about %v", c.name, got, c.want)
		}
		r.wantStory(id, "accepted sending requesting")
	}
}

func TestAPollThatCannotBeStoredComesAgain(t *testing.T) {
	r := build(t, new(memory), nil)
	id := r.sent(launch()).Command.ID
	r.clock.pass(pollFirst)
	r.graph.status = func(string) (events.Observation, error) { return events.Observation{Status: "completed"}, nil }
	r.tap.before = always(events.StateCompleted, events.Unavailable("down"))
	if wait := r.Look(t.Context(), id, delivery(2)); !near(wait, 2*time.Second) {
		t.Errorf("comes again after %v", wait)
	}
	r.tap.before = nil
	r.tap.arm = func(string, time.Time) error { return events.Unavailable("down") }
	r.graph.status = nil
	if wait := r.Look(t.Context(), id, delivery(1)); !near(wait, pollFirst) {
		t.Errorf("without a timer it comes again after %v, want the poll's delay", wait)
	}
}

func TestTheLastPollLeavesTheEnd(t *testing.T) {
	r := newRig(t)
	c := r.sent(launch(`"expiresIn":"1m"`)).Command
	r.clock.pass(40 * time.Second)
	r.look(c.ID)
	if !r.tap.lastArmed().Equal(c.ExpiresAt) {
		t.Errorf("timer at %v, want the end at %v", r.tap.lastArmed(), c.ExpiresAt)
	}
	r.clock.pass(20 * time.Second)
	r.look(c.ID)
	r.wantStory(c.ID, "accepted sending requesting timedOut")
	if n := r.graph.polled(); n != 2 {
		t.Errorf("%d polls, want 2: the one that was due, and the last", n)
	}
}

// TestEveryStateExpires: whatever a command waits for, its time ends it, and a
// timer that is early does not.
func TestEveryStateExpires(t *testing.T) {
	states := map[string]func(*rig) string{
		"accepted":       func(r *rig) string { return r.send(launch()).Command.ID },
		"requesting":     func(r *rig) string { return r.sent(launch()).Command.ID },
		"outcomeUnknown": func(r *rig) string { return r.lost(launch()) },
		"registered":     func(r *rig) string { return r.callback(`{}`).Command.ID },
		"deferred": func(r *rig) string {
			r.graph.post = fails(notTaken(2 * time.Hour))
			return r.sent(launch()).Command.ID
		},
		"cancelling": func(r *rig) string {
			id := r.sent(launch()).Command.ID
			r.postback(id, `{"id":"g1","status":"cancelling"}`)
			return id
		},
	}
	for state, reach := range states {
		t.Run(state, func(t *testing.T) {
			r := build(t, new(memory), nil)
			id := reach(r)
			c := r.latest(id).Command
			if string(c.State) != state {
				t.Fatalf("state %s, want %s", c.State, state)
			}
			if state != "accepted" { // that one would be sent
				r.clock.pass(c.ExpiresAt.Sub(r.clock.Now()) - time.Nanosecond)
				r.Look(t.Context(), id, delivery(1))
				if got := r.latest(id).Command; got.Terminal || r.tap.lastArmed().After(c.ExpiresAt) {
					t.Errorf("early: state %s, timer at %v", got.State, r.tap.lastArmed())
				}
			}
			r.clock.pass(c.ExpiresAt.Sub(r.clock.Now()))
			r.look(id)
			if got := r.latest(id).Command; got.State != events.StateTimedOut || got.Source != events.SourceTimer {
				t.Errorf("state %s by %s, want timedOut by timer", got.State, got.Source)
			}
			r.postback(id, `{"id":"g1","status":"completed"}`)
			if got := r.latest(id); got.Kind != "completed" || got.Command.State != events.StateCompleted {
				t.Errorf("a late end gives %s in state %s", got.Kind, got.Command.State)
			}
		})
	}
}

func TestAnEndThatCannotBeStoredComesAgain(t *testing.T) {
	r := build(t, new(memory), nil)
	id := r.lost(launch())
	r.clock.pass(time.Hour)
	r.tap.before = always(events.StateTimedOut, events.Unavailable("down"))
	if wait := r.Look(t.Context(), id, delivery(3)); !near(wait, 4*time.Second) {
		t.Errorf("comes again after %v", wait)
	}
	r.tap.before = nil
	r.look(id)
	r.wantStory(id, "accepted sending outcomeUnknown timedOut")
}

func TestNothingIsDueForWhatHasEnded(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch()).Command.ID
	r.postback(id, `{"id":"g1","status":"completed"}`)
	timers := len(r.tap.armed())
	r.clock.pass(24 * time.Hour)
	r.look(id)
	if r.graph.polled() != 0 || len(r.tap.armed()) != timers {
		t.Errorf("%d polls, %d timers", r.graph.polled(), len(r.tap.armed())-timers)
	}
	r.wantStory(id, "accepted sending requesting completed")
}

// TestTimingIsConfigurable uses other delays than the defaults.
func TestTimingIsConfigurable(t *testing.T) {
	r := build(t, new(memory), func(o *bridge.Options) {
		o.Timing.PollFirst, o.Timing.PollMax = time.Second, 2*time.Second
	})
	id := r.sent(launch()).Command.ID
	r.wantArmed(time.Second)
	r.clock.pass(10 * time.Second)
	r.look(id)
	r.wantArmed(2 * time.Second)
}
