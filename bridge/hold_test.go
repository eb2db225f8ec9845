package bridge_test

import (
	"errors"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// TestNothingIsClaimedThatCannotBeSent holds law 2: what is asked before the
// claim leaves the command where it is, and its delivery comes again.
func TestNothingIsClaimedThatCannotBeSent(t *testing.T) {
	down := events.Unavailable("down")
	for _, c := range []struct {
		name  string
		set   func(*rig)
		count uint64
		wait  time.Duration
		story string
	}{
		{"timer cannot be armed", func(r *rig) { r.tap.arm = func(string, time.Time) error { return down } }, 1, time.Second, "accepted"},
		{"claim refused", func(r *rig) { r.tap.before = always(events.StateSending, down) }, 1, time.Second, "accepted"},
		{"claim not proven", func(r *rig) { r.tap.before = always(events.StateSending, events.ErrLost) }, 1, time.Second, "accepted"},
		{"claim stored, acknowledgement lost", func(r *rig) { r.tap.after = always(events.StateSending, down) }, 1, time.Second, "accepted sending"},
		{"claim stored, proof lost", func(r *rig) { r.tap.after = always(events.StateSending, events.ErrLost) }, 1, time.Second, "accepted sending"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := build(t, new(memory), nil)
			from := r.send(launch())
			c.set(r)
			if wait := r.Dispatch(t.Context(), from, delivery(c.count)); !near(wait, c.wait) {
				t.Errorf("comes again after %v, want about %v", wait, c.wait)
			}
			r.wantStory(from.Command.ID, c.story)
			r.wantPosts(0)
		})
	}
	t.Run("no token", func(t *testing.T) {
		r := build(t, new(memory), nil)
		from := r.send(launch())
		r.graph.ready = func() error { return errors.New("sign in") }
		for passed, next := range map[time.Duration]time.Duration{0: time.Second, 10 * time.Second: 10 * time.Second, time.Hour - time.Minute: 30 * time.Second} {
			r.clock.now = from.Command.CreatedAt.Add(passed)
			if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != 0 {
				t.Errorf("the delivery is held for %v: it is the timer's", wait)
			}
			r.wantArmed(next)
		}
		r.wantStory(from.Command.ID, "accepted")
		r.wantPosts(0)
	})
	t.Run("no sign of life", func(t *testing.T) {
		r := build(t, new(memory), nil)
		from := r.send(launch())
		d := bridge.Delivery{Count: 1, Alive: func() error { return errors.New("connection closed") }}
		if wait := r.Dispatch(t.Context(), from, d); !near(wait, time.Second) {
			t.Errorf("comes again after %v", wait)
		}
		r.wantStory(from.Command.ID, "accepted")
		r.wantPosts(0)
	})
}

func TestAClaimLostToACompetitor(t *testing.T) {
	r := newRig(t)
	from := r.send(launch())
	id := from.Command.ID
	r.tap.before = once(events.StateSending, func() error {
		_, err := r.another().Cancel(t.Context(), []byte(`{"id":"`+id+`"}`))
		return err
	})
	if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != time.Second {
		t.Errorf("comes again after %v, want the short pause", wait)
	}
	if wait := r.Dispatch(t.Context(), from, delivery(2)); wait != 0 {
		t.Errorf("then after %v", wait)
	}
	r.wantStory(id, "accepted canceled")
	r.wantPosts(0)
}

func TestAnExpiredCommandIsNotSent(t *testing.T) {
	for _, late := range []time.Duration{0, time.Nanosecond, 100 * time.Hour} {
		for name, drive := range map[string]func(*rig, events.Stored) time.Duration{
			"dispatch": func(r *rig, from events.Stored) time.Duration { return r.Dispatch(r.t.Context(), from, delivery(1)) },
			"look": func(r *rig, from events.Stored) time.Duration {
				return r.Look(r.t.Context(), from.Command.ID, delivery(1))
			},
		} {
			r := build(t, new(memory), nil)
			from := r.send(launch(`"expiresIn":"1m"`))
			r.clock.pass(time.Minute + late)
			if wait := drive(r, from); wait != 0 {
				t.Errorf("%s, %v late: comes again after %v", name, late, wait)
			}
			r.wantStory(from.Command.ID, "accepted timedOut")
			r.wantPosts(0)
			c := r.latest(from.Command.ID).Command
			if c.Error == nil || c.Error.Code != "timedOut" || c.Error.Message != "no terminal status before 2026-11-22T10:01:00Z" || c.Source != events.SourceTimer {
				t.Errorf("%s: record %s", name, text(t, c))
			}
		}
	}
}

func TestAnExpiryThatCannotBeStoredComesAgain(t *testing.T) {
	r := newRig(t)
	from := r.send(launch(`"expiresIn":"1m"`))
	r.clock.pass(time.Minute)
	r.tap.before = always(events.StateTimedOut, events.Unavailable("down"))
	if wait := r.Dispatch(t.Context(), from, delivery(1)); !near(wait, time.Second) {
		t.Errorf("comes again after %v", wait)
	}
}

// TestNoWaitOutlastsTheCommand: whatever a command waits for, it is looked at
// when it expires.
func TestNoWaitOutlastsTheCommand(t *testing.T) {
	r := newRig(t)
	r.graph.post = fails(notTaken(time.Hour))
	r.sent(launch())
	r.graph.post = nil
	waiting := r.send(launch(`"expiresIn":"10s"`))
	if wait := r.Dispatch(t.Context(), waiting, delivery(1)); wait != 0 {
		t.Errorf("throttled: the delivery is held for %v", wait)
	}
	if at := r.tap.lastArmed().Sub(r.clock.Now()); at != 10*time.Second {
		t.Errorf("throttled: the timer stands in %v, want 10s", at)
	}
	r.clock.pass(10 * time.Second)
	if wait := r.Dispatch(t.Context(), waiting, delivery(2)); wait != 0 {
		t.Errorf("expired: comes again after %v", wait)
	}
	r.wantStory(waiting.Command.ID, "accepted timedOut")
}

func TestADeferredCommandWaits(t *testing.T) {
	r := newRig(t)
	r.graph.post = fails(notTaken(10 * time.Second))
	from := r.send(launch())
	id := from.Command.ID
	r.Dispatch(t.Context(), from, delivery(1))
	due := r.clock.Now().Add(10 * time.Second)
	r.clock.pass(9 * time.Second)
	for name, wait := range map[string]time.Duration{
		"early timer": r.Look(t.Context(), id, delivery(1)), "redelivery": r.Dispatch(t.Context(), from, delivery(2)),
	} {
		if wait != 0 || !r.tap.lastArmed().Equal(due) {
			t.Errorf("%s: comes again after %v, timer at %v; want 0 and %v", name, wait, r.tap.lastArmed(), due)
		}
	}
	r.wantPosts(1)
	r.tap.arm = func(string, time.Time) error { return events.Unavailable("down") }
	if wait := r.Look(t.Context(), id, delivery(1)); wait < time.Second || wait > 1100*time.Millisecond {
		t.Errorf("without a timer the delivery comes again after %v, want the second that is left", wait)
	}
	r.tap.arm = nil
	r.clock.pass(time.Second)
	r.graph.post = nil
	r.Look(t.Context(), id, delivery(1))
	r.wantStory(id, "accepted sending deferred sending requesting")
	if c := r.latest(id).Command; c.Attempt != 2 || c.RetryAt != nil || c.Error != nil {
		t.Errorf("record %s", text(t, c))
	}
}

func TestTheThrottlePausesOtherCommands(t *testing.T) {
	r := newRig(t)
	r.graph.post = fails(notTaken(2500 * time.Millisecond))
	r.sent(launch())
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
		return events.Observation{GraphID: "g", Status: "requesting"}, nil
	}
	other := r.send(launch())
	if wait := r.Dispatch(t.Context(), other, delivery(1)); wait != 0 {
		t.Errorf("the delivery is held for %v: thousands of them would fill the consumer", wait)
	}
	r.wantArmed(2510 * time.Millisecond)
	r.wantStory(other.Command.ID, "accepted")
	r.wantPosts(1)
	r.clock.pass(2500 * time.Millisecond)
	if wait := r.Dispatch(t.Context(), other, delivery(2)); wait != 0 {
		t.Errorf("after the pause: comes again after %v", wait)
	}
	r.wantPosts(2)
}
