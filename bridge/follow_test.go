package bridge_test

import (
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// TestThePauseIsShared: a replica that Graph throttles pauses the others too.
func TestThePauseIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := func(o *bridge.Options) { o.Now = time.Now }
		throttled := build(t, new(memory), now)
		other := throttled.build(now)
		done := make(chan struct{})
		ctx := t.Context()
		go func() {
			defer close(done)
			other.FollowThrottle(ctx)
		}()
		synctest.Wait()

		// One connection's trouble is not Graph's.
		throttled.graph.post = fails(&graph.SendError{Outcome: graph.NotTaken, Err: &graph.Error{StatusCode: 401, Code: "unauthorized"}})
		throttled.Dispatch(t.Context(), throttled.send(launch(`"requestId":"1"`)), delivery(1))
		synctest.Wait()
		other.graph.post = nil
		other.wantDispatched(launch(`"requestId":"2"`), "accepted sending requesting")

		throttled.graph.post = fails(notTaken(20 * time.Second))
		throttled.Dispatch(t.Context(), throttled.send(launch(`"requestId":"3"`)), delivery(1))
		synctest.Wait()
		other.graph.post = nil
		id := other.wantDispatched(launch(`"requestId":"4"`), "accepted")
		<-time.After(23 * time.Second)
		other.look(id)
		other.wantStory(id, "accepted sending requesting")
	})
}

// wantDispatched sends a new command once and compares its story.
func (r *rig) wantDispatched(body []byte, story string) string {
	r.t.Helper()
	from := r.send(body)
	if wait := r.Dispatch(r.t.Context(), from, delivery(1)); wait != 0 {
		r.t.Errorf("comes again after %v", wait)
	}
	r.wantStory(from.Command.ID, story)
	return from.Command.ID
}

// TestAThrottleWithoutRetryAfterPausesToo, for as long as the command waits.
func TestAThrottleWithoutRetryAfterPausesToo(t *testing.T) {
	r := build(t, new(memory), nil)
	r.graph.post = fails(notTaken(-1))
	r.wantDispatched(launch(`"requestId":"1"`), "accepted sending deferred")
	r.graph.post = nil
	id := r.wantDispatched(launch(`"requestId":"2"`), "accepted")
	r.clock.pass(2 * time.Second)
	r.look(id)
	r.wantStory(id, "accepted sending requesting")
	if c := r.latest(id).Command; c.State != events.StateRequesting {
		t.Errorf("state %s", c.State)
	}
}
