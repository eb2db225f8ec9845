package bridge_test

import (
	"errors"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/events"
)

// TestTheLastPoll: before a command is given up, Graph is asked once more.
func TestTheLastPoll(t *testing.T) {
	for _, c := range []struct {
		name, status, story string
		err                 error
	}{
		{"it had ended", "failedToSend", "accepted sending requesting failedToSend", nil},
		{"it had gone on", "executing", "accepted sending requesting executing timedOut", nil},
		{"nothing new", "requesting", "accepted sending requesting timedOut", nil},
		{"no answer", "", "accepted sending requesting timedOut", errors.New("reset")},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := build(t, new(memory), nil)
			id := r.sent(launch(`"expiresIn":"10s"`)).Command.ID
			r.graph.status = func(string) (events.Observation, error) { return events.Observation{Status: c.status}, c.err }
			r.clock.pass(10 * time.Second)
			r.look(id)
			r.wantStory(id, c.story)
			if n := r.graph.polled(); n != 1 {
				t.Errorf("%d polls, want 1", n)
			}
		})
	}
}

func TestTheLastPollFetches(t *testing.T) {
	r := build(t, new(memory), nil)
	id := r.sent(call(`"expiresIn":"10s"`)).Command.ID
	r.graph.status = func(string) (events.Observation, error) { return events.Observation{Status: "completed"}, nil }
	r.clock.pass(10 * time.Second)
	r.look(id)
	r.graph.payload = payload(`{"b":2}`)
	r.look(id)
	r.wantStory(id, "accepted sending requesting completed response")
}

// TestALostCommandHasNothingToPoll: without Graph's id nobody is asked.
func TestALostCommandHasNothingToPoll(t *testing.T) {
	r := build(t, new(memory), nil)
	id := r.lost(launch(`"expiresIn":"1m"`))
	r.clock.pass(time.Minute)
	r.look(id)
	r.wantStory(id, "accepted sending outcomeUnknown timedOut")
	if r.graph.polled() != 0 {
		t.Error("Graph was asked about a command whose id is not known")
	}
}

func TestPollSettings(t *testing.T) {
	r := build(t, new(memory), func(o *bridge.Options) {
		o.Timing.PollFirst, o.Timing.PollMax, o.Timing.PollGrowth, o.Timing.PollJitter = 10*time.Second, time.Minute, 1.5, 0.4
	})
	id := r.sent(launch(`"expiresIn":"10h"`)).Command.ID
	r.clock.pass(40 * time.Second)
	far := 0
	for range 40 {
		r.look(id)
		step := r.tap.lastArmed().Sub(r.clock.Now())
		if step < 12*time.Second || step > 28*time.Second { // 20 s, half of the silence, give or take 40 %
			t.Fatalf("the next poll is in %v", step)
		}
		if !near(step, 20*time.Second) {
			far++
		}
	}
	if far == 0 {
		t.Error("no poll of 40 was moved by more than a tenth")
	}
}
