package command_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// drawStatus draws a status that Graph documents, or one that nobody did.
func drawStatus(t *rapid.T) string {
	texts := []string{"", "somethingNew", "SomethingNew", "another"}
	for _, s := range events.GraphStates() {
		texts = append(texts, string(s))
	}
	return rapid.SampledFrom(texts).Draw(t, "status")
}

// observation builds what ParseObservations would give for these members.
func observation(status, graphID, payload string) events.Observation {
	o := events.Observation{Status: status, GraphID: graphID, Digest: fmt.Sprintf("%s/%s", status, graphID)}
	if payload != "" {
		o.ResponsePayload = json.RawMessage(payload)
	}
	return o
}

func drawInput(t *rapid.T, at time.Time) command.Input {
	attempt := rapid.IntRange(0, 3).Draw(t, "attempt")
	switch rapid.IntRange(0, 13).Draw(t, "input") {
	case 0, 1:
		return command.Claim{At: at}
	case 2:
		return command.Defer{At: at, Attempt: attempt, RetryAt: at.Add(time.Second)}
	case 3:
		return command.LoseTrack{At: at, Attempt: attempt, Source: events.SourceDispatch}
	case 4:
		return command.Refuse{At: at, Attempt: attempt}
	case 5:
		return command.Cancel{At: at}
	case 6:
		return command.Expire{At: at}
	case 7:
		return command.Fetched{At: at, Payload: json.RawMessage(`{"a":1}`)}
	case 8:
		return command.FetchFailed{At: at, Error: events.Unavailable("gone")}
	case 9:
		return command.Erase{At: at, Events: []uint64{1}}
	default:
		return command.Observe{At: at, Source: events.SourcePostback, Observation: observation(
			drawStatus(t),
			rapid.SampledFrom([]string{"", "", "g1", "g2"}).Draw(t, "id"),
			rapid.SampledFrom([]string{"", "", "", `{"a":1}`, `{"b":2}`}).Draw(t, "payload"),
		)}
	}
}

func first(t *rapid.T, at time.Time) events.Command {
	c := events.Command{
		ID: events.RequestCommandID("x"), DeviceID: "d", Payload: json.RawMessage(`{"uri":"https://example.com"}`),
		Type:      rapid.SampledFrom([]events.Type{events.TypeLaunchURI, events.TypeAppService, ""}).Draw(t, "type"),
		ExpiresAt: at.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "life")) * time.Second),
	}
	trigger := rapid.SampledFrom([]command.Trigger{command.OnAccept, command.OnRegister, command.OnRefuse}).Draw(t, "first")
	return command.New(c, trigger, at).Command
}

// TestPropertiesOfTheFold draws inputs in any order with any repetition and
// holds the promises of the package comment after each.
func TestPropertiesOfTheFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
		c := first(t, at)
		var before []command.Input
		for range rapid.IntRange(1, 400).Draw(t, "inputs") {
			at = at.Add(time.Duration(rapid.IntRange(-1, 5).Draw(t, "seconds")) * time.Second)
			in := drawInput(t, at)
			if len(before) > 0 && rapid.Bool().Draw(t, "repeat") {
				in = rapid.SampledFrom(before).Draw(t, "repeated")
			}
			before = append(before, in)
			c = apply(t, c, in)
		}
	})
}

// apply applies one input and checks every promise about that step.
func apply(t *rapid.T, c events.Command, in command.Input) events.Command {
	was, _ := json.Marshal(c)
	list := command.Apply(c, in)
	if is, _ := json.Marshal(c); string(is) != string(was) {
		t.Fatalf("Apply changed its argument:\n%s\n%s", was, is)
	}
	last := c
	for _, e := range list {
		checkStep(t, last, e)
		last = e.Command
	}
	if again := command.Apply(last, in); len(list) > 0 && len(again) > 0 {
		t.Fatalf("%T applied twice publishes %s again", in, again[0].Kind)
	}
	return last
}

func checkStep(t *rapid.T, from events.Command, e command.Event) {
	to := e.Command
	if to.Sequence != from.Sequence+1 {
		t.Fatalf("n goes from %d to %d", from.Sequence, to.Sequence)
	}
	if to.UpdatedAt.Before(from.UpdatedAt) {
		t.Fatalf("time runs backwards at n=%d", to.Sequence)
	}
	if to.Terminal != to.State.Terminal() {
		t.Fatalf("terminal is %v in state %s", to.Terminal, to.State)
	}
	if from.State == events.StateErased {
		t.Fatalf("%s follows on an erasure", e.Kind)
	}
	if to.State == events.StateErased {
		if !from.Ended() || to.Erased.State != from.State {
			t.Fatalf("%+v was erased as %+v", from, to)
		}
		return
	}
	if from.Terminal && to.State != from.State && (from.State != events.StateTimedOut || !to.State.Terminal()) {
		t.Fatalf("terminal %s gave way to %s", from.State, to.State)
	}
	if from.GraphID != "" && to.GraphID != from.GraphID {
		t.Fatalf("graphId changed from %s to %s", from.GraphID, to.GraphID)
	}
	stateless := e.Kind == events.KindResponse || e.Kind == events.KindLinked || e.Kind == events.KindConflict
	if stateless && to.State != from.State {
		t.Fatalf("a %s event moved %s to %s", e.Kind, from.State, to.State)
	}
	if !stateless && e.Kind != events.KindOf(to.State) {
		t.Fatalf("kind %s brings state %s", e.Kind, to.State)
	}
	if to.ResponsePayload != nil && e.Kind != events.KindResponse {
		t.Fatalf("a response payload in a %s event", e.Kind)
	}
	keeps := []events.State{events.StateAccepted, events.StateSending, events.StateDeferred}
	if to.Payload != nil && !slices.Contains(keeps, to.State) {
		t.Fatalf("the request's payload is kept in %s", to.State)
	}
	if (to.State == events.StateSending || to.State == events.StateDeferred) && to.Payload == nil && from.Payload != nil {
		t.Fatalf("the payload was dropped in %s", to.State)
	}
	if seen := slices.Compact(slices.Sorted(slices.Values(to.Seen))); len(seen) != len(to.Seen) {
		t.Fatalf("seen holds something twice: %v", to.Seen)
	}
}

// TestAHostileSenderIsBounded feeds reports that are new every time.
func TestAHostileSenderIsBounded(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	c := command.New(events.Command{DeviceID: "d", ExpiresAt: at.Add(time.Hour)}, command.OnRegister, at).Command
	statuses := events.GraphStates()
	for i := range 20_000 {
		status := string(statuses[i%7])
		if i > 10_000 {
			status = string(statuses[i%len(statuses)])
		}
		o := events.Observation{
			Status: status, Digest: fmt.Sprint(i), GraphID: fmt.Sprint(i),
			ResponsePayload: json.RawMessage(fmt.Sprint(i)),
		}
		for _, e := range command.Apply(c, command.Observe{At: at, Source: events.SourcePostback, Observation: o}) {
			c = e.Command
		}
	}
	if limit := command.MaxEvents + 20; c.Sequence > limit {
		t.Errorf("%d events, want at most %d", c.Sequence, limit)
	}
	if !c.Terminal {
		t.Errorf("the terminal status was not published: state %s", c.State)
	}
	if body, _ := json.Marshal(c); len(body) > 12<<10 {
		t.Errorf("the record grew to %d bytes", len(body))
	}
}
