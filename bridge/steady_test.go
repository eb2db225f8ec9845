package bridge_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge"
	"devicebridge/events"
)

// newSteadyRig gives a bridge whose clock can be set without time going by.
func newSteadyRig(t *testing.T) (r *rig, steady *clock) {
	t.Helper()
	steady = newClock()
	return build(t, new(memory), func(o *bridge.Options) { o.Steady = steady.Now }), steady
}

// TestAPauseIsNotKeptByAClockThatIsSet: Graph asks for ten seconds, and the clock is
// set by an hour before, while, or after that.
func TestAPauseIsNotKeptByAClockThatIsSet(t *testing.T) {
	for name, steps := range map[string]struct{ before, after time.Duration }{
		"ahead for a moment": {time.Hour, -time.Hour},
		"set back after":     {0, -time.Hour},
		"set ahead after":    {0, time.Hour},
		"set back before":    {-time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, steady := newSteadyRig(t)
			throttled, other := r.send(launch(`"requestId":"1","expiresIn":"24h"`)), r.send(launch(`"requestId":"2","expiresIn":"24h"`))
			pass := func(d time.Duration) {
				r.clock.pass(d)
				steady.pass(d)
			}
			r.clock.pass(steps.before)
			r.graph.post = fails(notTaken(10 * time.Second))
			r.Dispatch(t.Context(), throttled, delivery(1))
			r.clock.pass(steps.after)
			if waits := r.Waits(""); len(waits) != 1 || waits[0].For != events.WaitThrottled || waits[0].Until.Sub(r.clock.Now()) > 11*time.Second {
				t.Errorf("it waits for %+v", waits)
			}
			r.graph.post = nil
			r.Dispatch(t.Context(), other, delivery(1))
			r.wantPosts(1)
			pass(11 * time.Second)
			if waits := r.Waits(""); len(waits) != 0 {
				t.Errorf("it still waits for %+v", waits)
			}
			r.Look(t.Context(), other.Command.ID, delivery(1))
			r.wantPosts(2)
		})
	}
}

// TestALeaseIsNotKeptByAClockThatIsSet: nor is it over before its time.
func TestALeaseIsNotKeptByAClockThatIsSet(t *testing.T) {
	r, steady := newSteadyRig(t)
	id := r.abandoned(launch(`"expiresIn":"24h"`)).Command.ID
	r.Look(t.Context(), id, delivery(1))
	r.clock.pass(-time.Hour)
	steady.pass(lease - time.Second)
	r.Look(t.Context(), id, delivery(2))
	r.wantStory(id, "accepted sending")
	steady.pass(time.Second)
	r.Look(t.Context(), id, delivery(3))
	r.wantStory(id, "accepted sending outcomeUnknown")
}

// TestAListingIsNotKeptByAClockThatIsSet: it is good for half a minute.
func TestAListingIsNotKeptByAClockThatIsSet(t *testing.T) {
	r, steady := newSteadyRig(t)
	asked := 0
	r.graph.devices = func() ([]events.Device, error) {
		asked++
		return []events.Device{{ID: "d"}}, nil
	}
	for range 2 {
		if _, err := r.Devices(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		r.clock.pass(-time.Hour)
		steady.pass(time.Minute)
	}
	if asked != 2 {
		t.Errorf("listed %d times", asked)
	}
}

// TestASetBackClockSetsTimersAnew: a command that was deferred while the clock was an
// hour ahead is sent again after the pause, and not after an hour.
func TestASetBackClockSetsTimersAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Round(0).Add(time.Duration(ahead.Load())) }
		r := build(t, new(memory), func(o *bridge.Options) { o.Now, o.Steady = now, time.Now })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r.SweepEvery(ctx, time.Hour)
		}()
		stored := r.send(launch(`"expiresIn":"24h"`))
		ahead.Store(int64(time.Hour))
		r.graph.post = fails(notTaken(20 * time.Second))
		r.Dispatch(t.Context(), stored, delivery(1))
		if at := r.tap.lastArmed(); at.Before(time.Now().Add(time.Hour)) {
			t.Fatalf("the timer fires at %v already", at)
		}
		r.graph.post = nil
		<-time.After(6 * time.Second)
		ahead.Store(0)
		<-time.After(10 * time.Second)
		if at := r.tap.lastArmed(); at.After(now()) {
			t.Errorf("the timer fires at %v, and it is %v", at, now())
		}
		r.Look(t.Context(), stored.Command.ID, delivery(1)) // Graph is still to be left alone
		r.wantPosts(1)
		if at := r.tap.lastArmed(); at.After(now().Add(20 * time.Second)) {
			t.Errorf("the timer fires at %v, and it is %v", at, now())
		}
		<-time.After(20 * time.Second)
		r.Look(t.Context(), stored.Command.ID, delivery(1))
		r.wantPosts(2)
		stop()
		<-ended
	})
}
