package bridge_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// TestHooksOfEvents: each stored event is told with its age, and one that was not
// stored is not told.
func TestHooksOfEvents(t *testing.T) {
	var told []bridge.EventFacts
	r := build(t, new(memory), func(o *bridge.Options) {
		o.Hooks.Event = func(f bridge.EventFacts) { told = append(told, f) }
	})
	id := r.sent(launch()).Command.ID
	r.clock.pass(20 * time.Second)
	r.postback(id, `{"id":"g1","status":"executing"}`)
	r.postback(id, `{"id":"g1","status":"executing"}`)
	r.clock.pass(time.Second)
	r.postback(id, `{"id":"g1","status":"completed"}`)
	want := []bridge.EventFacts{
		{Kind: "accepted", Source: events.SourceCaller},
		{Kind: "sending", Source: events.SourceDispatch},
		{Kind: "requesting", Source: events.SourceDispatch},
		{Kind: "executing", Source: events.SourcePostback, Age: 20 * time.Second},
		{Kind: "completed", Source: events.SourcePostback, Age: 21 * time.Second},
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %+v, want %+v", told, want)
	}
}

// TestHooksOfPolls: each question for a status is told, whatever asked it.
func TestHooksOfPolls(t *testing.T) {
	var told []bridge.PollResult
	r := build(t, new(memory), func(o *bridge.Options) {
		o.Hooks.Polled = func(p bridge.PollResult) { told = append(told, p) }
	})
	id := r.sent(launch(`"expiresIn":"2m"`)).Command.ID
	for _, err := range []error{nil, &graph.Error{StatusCode: 404}, errors.New("reset")} {
		r.graph.status = func(string) (events.Observation, error) { return events.Observation{Status: "requesting"}, err }
		r.clock.pass(35 * time.Second)
		r.look(id)
	}
	r.graph.status = func(string) (events.Observation, error) { return events.Observation{Status: "completed"}, nil }
	r.clock.pass(time.Minute)
	r.look(id) // the last, at its end
	want := []bridge.PollResult{bridge.PollAnswered, bridge.PollNotFound, bridge.PollFailed, bridge.PollAnswered}
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// TestHooksOfSweeps: a sweep that broke off says so, and the next tells the oldest.
func TestHooksOfSweeps(t *testing.T) {
	var told []bridge.SweepReport
	r := build(t, new(memory), func(o *bridge.Options) {
		o.Hooks.Swept = func(s bridge.SweepReport) { told = append(told, s) }
	})
	first := r.send(launch(`"requestId":"first"`)).Command
	r.clock.pass(time.Minute)
	r.send(launch(`"requestId":"second"`))
	r.tap.read = func(string) error { return events.Unavailable("away") }
	if _, err := r.Sweep(t.Context()); err == nil {
		t.Error("a sweep without a stream did not fail")
	}
	r.tap.read = nil
	if _, err := r.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(told) != 2 || told[0].Finished || !told[1].Finished || told[1].Open != 2 || !told[1].Oldest.Equal(first.CreatedAt) {
		t.Errorf("told %+v, want one that broke off and one that found two, the oldest of %v", told, first.CreatedAt)
	}
}
