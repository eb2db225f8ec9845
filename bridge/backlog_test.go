package bridge_test

import (
	"context"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// queueing is a store whose accepted events have come to Dispatch up to a sequence.
type queueing struct {
	store
	upTo uint64
}

func (q queueing) Dispatched(context.Context) (uint64, bool) { return q.upTo, true }

// TestASweepDoesNotWakeTheQueue: what has still to come to Dispatch gets a timer for its
// end only. What came, or was claimed, is looked at now.
func TestASweepDoesNotWakeTheQueue(t *testing.T) {
	m := new(memory)
	r := build(t, m, nil)
	came, comes := r.send(launch(`"requestId":"a"`)), r.send(launch(`"requestId":"b"`))
	r.tap.store = queueing{m, came.Sequence}
	if report, err := r.Sweep(t.Context()); err != nil || report.Armed != 2 {
		t.Fatalf("%+v, %v", report, err)
	}
	if at := m.timers[came.Command.ID]; at.After(r.clock.Now()) {
		t.Errorf("what came is looked at at %v", at)
	}
	if at := m.timers[comes.Command.ID]; !at.Equal(comes.Command.ExpiresAt) {
		t.Errorf("what is still to come is looked at at %v, want its end", at)
	}
}

// TestADeliveryWaitsItsTurn: where every place is taken an accepted command is not left to
// its timer at once.
func TestADeliveryWaitsItsTurn(t *testing.T) {
	m := new(memory)
	r := build(t, m, func(o *bridge.Options) { o.Sends = 1 })
	first, second := r.send(launch(`"requestId":"a"`)), r.send(launch(`"requestId":"b"`))
	posting, answer := make(chan struct{}), make(chan struct{})
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
		posting <- struct{}{}
		<-answer
		return events.Observation{GraphID: "g", Status: "requesting"}, nil
	}
	done := make(chan time.Duration, 2)
	for _, from := range []events.Stored{first, second} {
		go func() { done <- r.Dispatch(t.Context(), from, delivery(1)) }()
	}
	for range 2 {
		<-posting
		answer <- struct{}{}
	}
	for range 2 {
		if wait := <-done; wait != 0 {
			t.Errorf("comes again after %v", wait)
		}
	}
	r.wantStory(second.Command.ID, "accepted sending requesting")
}
