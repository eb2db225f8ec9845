package bridge_test

import (
	"context"
	"testing"

	"devicebridge/bridge"
	"devicebridge/events"
)

// cutOff is a stream of which a leader is read that is cut off from the others: it has
// old as the latest event, until the others are asked whether it leads.
type cutOff struct {
	bridge.Stream
	old events.Stored
	// err is what becomes of the question.
	err   error
	asked int
	led   bool
}

func (c *cutOff) Latest(ctx context.Context, id string) (events.Stored, error) {
	if !c.led {
		return c.old, nil
	}
	return c.Stream.Latest(ctx, id)
}

func (c *cutOff) Confirm(context.Context) (bool, error) {
	c.asked++
	c.led = c.err == nil
	return true, c.err
}

// TestNothingFollowsNeedsAMajority: a postback that says nothing new of what a leader
// has is acknowledged only when a majority confirms that it leads; and where it does
// not, what was stored since counts.
func TestNothingFollowsNeedsAMajority(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch()).Command.ID
	const report = `{"id":"g1","status":"executing"}`
	r.postback(id, report)
	stale := &cutOff{Stream: r.tap, old: r.latest(id), err: events.Unavailable("no majority")}
	far := r.build(func(o *bridge.Options) { o.Stream = stale })
	r.postback(id, `{"id":"g1","status":"retry"}`)

	wantCode(t, far.Postback(t.Context(), id, observed(t, report)), events.CodeUnavailable)
	r.wantStory(id, "accepted sending requesting executing retry")
	stale.err = nil
	if err := far.Postback(t.Context(), id, observed(t, report)); err != nil {
		t.Error(err)
	}
	r.wantStory(id, "accepted sending requesting executing retry executing")
	if stale.asked != 2 {
		t.Errorf("the others were asked %d times, want 2", stale.asked)
	}
}
