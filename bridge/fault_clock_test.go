package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// clocks are two bridges on one store, each on a host of its own; the timers fire
// by the clock of a third.
type clocks struct {
	*rig
	other *rig
	store *memory
	// now is the time by the store's clock; jump is how far the clock of the first
	// bridge is from it.
	now  time.Time
	jump time.Duration
}

func newClocks(t *testing.T) *clocks {
	t.Helper()
	c := &clocks{store: new(memory)}
	c.rig = build(t, c.store, nil)
	second := newClock()
	c.other = c.build(func(o *bridge.Options) { o.Now = second.Now })
	c.other.clock = second
	c.now = c.clock.Now()
	return c
}

// pass lets time go by on all hosts.
func (c *clocks) pass(d time.Duration) {
	c.now = c.now.Add(d)
	c.clock.pass(d)
	c.other.clock.pass(d)
}

// step sets the clock of the first bridge.
func (c *clocks) step(d time.Duration) {
	c.jump += d
	c.clock.pass(d)
}

// fire lets time go by until the timer of a command is due, and has one bridge
// and the next time the other look, also again if that has to be.
func (c *clocks) fire(id string, turn int) {
	c.t.Helper()
	c.store.mu.Lock()
	at, armed := c.store.timers[id]
	delete(c.store.timers, id)
	c.store.mu.Unlock()
	if !armed {
		c.t.Fatalf("command %s is %s and has no timer", id, c.latest(id).Command.State)
	}
	// NATS fires a schedule a quarter of a second after the last at the earliest.
	c.pass(max(at.Sub(c.now), 250*time.Millisecond))
	replica := []*rig{c.rig, c.other}[turn%2]
	for count := uint64(1); ; count++ {
		wait := replica.Look(c.t.Context(), id, delivery(count))
		if wait == 0 {
			return
		}
		c.pass(wait)
	}
}

// stagesOf gives how to bring a new command to where its clock will jump, and
// whether Graph comes to know of it.
func stagesOf() map[string]func(*clocks, []byte) string {
	return map[string]func(*clocks, []byte) string{
		"accepted": func(c *clocks, body []byte) string {
			id := c.send(body).Command.ID
			_, _ = c.Sweep(c.t.Context()) // as after a restart: its delivery is lost
			return id
		},
		"claimed by the dead": func(c *clocks, body []byte) string {
			return c.abandoned(body).Command.ID
		},
		"claimed by the dead, and seen": func(c *clocks, body []byte) string {
			id := c.abandoned(body).Command.ID
			c.Look(c.t.Context(), id, delivery(1))
			c.other.Look(c.t.Context(), id, delivery(1))
			return id
		},
		"deferred": func(c *clocks, body []byte) string {
			c.graph.post = fails(notTaken(5 * time.Minute))
			defer func() { c.graph.post = nil }()
			return c.sent(body).Command.ID
		},
		"outcomeUnknown": func(c *clocks, body []byte) string { return c.lost(body) },
		"requesting":     func(c *clocks, body []byte) string { return c.sent(body).Command.ID },
		"requesting, polled": func(c *clocks, body []byte) string {
			id := c.sent(body).Command.ID
			for turn := range 4 {
				c.fire(id, turn)
			}
			return id
		},
	}
}

// TestFaultClockJump sets the clock of one of two hosts an hour ahead or back, at
// every stage of a command, for good or only for a while. Whatever that does to
// its leases and pauses, nothing is sent twice, and nothing is lost: the command
// ends, by its time at the latest, and a postback still finds it.
func TestFaultClockJump(t *testing.T) {
	for stage, reach := range stagesOf() {
		for _, jump := range []time.Duration{time.Hour, -time.Hour} {
			for _, back := range []bool{false, true} {
				for _, life := range []string{"30m", "6h"} {
					t.Run(fmt.Sprintf("%s, %v, set back %t, life %s", stage, jump, back, life), func(t *testing.T) {
						c := newClocks(t)
						id := reach(c, launch(`"expiresIn":"`+life+`"`))
						c.step(jump)
						for turn := 0; !c.latest(id).Command.Ended(); turn++ {
							if turn == 3 && back {
								c.step(-jump)
							}
							if turn == 100_000 {
								t.Fatalf("it does not end: %s", text(t, c.latest(id).Command))
							}
							c.fire(id, turn)
						}
						if got := c.latest(id).Command; got.State != events.StateTimedOut {
							t.Errorf("it ended as %s", got.State)
						}
						c.checkHistory(id)
						c.postback(id, `{"id":"g1","status":"completed"}`)
						if got := c.latest(id).Command; got.State != events.StateCompleted {
							t.Errorf("a late postback leaves it %s", got.State)
						}
					})
				}
			}
		}
	}
}

// checkHistory fails on a POST too many, and on time that runs backwards.
func (c *clocks) checkHistory(id string) {
	c.t.Helper()
	taken := 0
	list := c.history(id)
	for i, e := range list {
		if e.Command.State == events.StateSending {
			taken++ // unless the next event says that it was not
			if i+1 < len(list) && list[i+1].Command.State == events.StateDeferred {
				taken--
			}
		}
		if i > 0 && e.Command.UpdatedAt.Before(list[i-1].Command.UpdatedAt) {
			c.t.Errorf("event %d is older than the one before", e.Command.Sequence)
		}
	}
	deferred := 0
	for _, e := range list {
		if e.Command.State == events.StateDeferred {
			deferred++
		}
	}
	if taken > 1 || len(c.graph.sent()) > taken+deferred {
		c.t.Errorf("%d POSTs, %d of them not taken, %d claims that may have been", len(c.graph.sent()), deferred, taken)
	}
}

// TestFaultClockJumpDuringThePOST lets the lease of a POST under way seem to
// pass at another bridge, whose clock jumps: the command is called unknown too
// early, is not sent again, and the late answer heals it.
func TestFaultClockJumpDuringThePOST(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			c := newClocks(t)
			from := c.send(launch(`"expiresIn":"6h"`))
			id := from.Command.ID
			c.graph.post = func(graph.CommandRequest) (events.Observation, error) {
				c.other.Look(t.Context(), id, delivery(1))
				c.other.clock.pass(jump)
				c.other.Look(t.Context(), id, delivery(2))
				c.other.Look(t.Context(), id, delivery(3))
				return observed(t, `{"id":"g1","status":"requesting"}`)[0], nil
			}
			if wait := c.Dispatch(t.Context(), from, delivery(1)); wait != 0 {
				t.Errorf("comes again after %v", wait)
			}
			story := "accepted sending requesting"
			if jump > 0 {
				story = "accepted sending outcomeUnknown requesting"
			}
			c.wantStory(id, story)
			c.wantPosts(1)
		})
	}
}
