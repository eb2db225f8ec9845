package command_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// TestAnUnknownStateIsLeftAlone takes records in a state that a newer version
// brought in. What an input means to them is known there only: a replica of this
// version publishes nothing, and has nothing to do for them.
func TestAnUnknownStateIsLeftAlone(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	inputs := []command.Input{
		command.Claim{At: at}, command.Defer{At: at, RetryAt: at}, command.LoseTrack{At: at}, command.Refuse{At: at}, command.Cancel{At: at},
		command.Quarantine{At: at, Before: at.Add(time.Hour)}, command.Expire{At: at.Add(2 * time.Hour)}, command.Erase{At: at},
		command.Fetched{At: at, Payload: json.RawMessage(`{}`)}, command.FetchFailed{At: at},
	}
	for _, status := range append(events.GraphStates(), "", "held") {
		for _, id := range []string{"", "g"} {
			for _, payload := range []string{"", `{"a":1}`} {
				inputs = append(inputs, command.Observe{At: at, Source: events.SourcePostback, Observation: observation(string(status), id, payload)})
			}
		}
	}
	for _, c := range []events.Command{
		{Type: events.TypeLaunchURI, Response: events.ResponseNone},
		{Type: events.TypeAppService, Response: events.ResponsePending, Terminal: true},
		{Response: events.ResponseNone, RetryAt: &at},
		{Response: events.ResponseNone, Terminal: true},
	} {
		c.ID, c.State, c.Sequence, c.Round, c.CreatedAt, c.UpdatedAt, c.ExpiresAt = "x", "held", 2, 1, at, at, at.Add(time.Hour)
		for _, in := range inputs {
			if got := command.Apply(c, in); len(got) > 0 {
				t.Errorf("%+v of %+v gives %s", in, c, got[0].Kind)
			}
		}
		if step, _ := command.Next(c, command.Timing{PollFirst: time.Second, PollMax: time.Second}); step != command.StepLeave {
			t.Errorf("what is next of %+v is %s", c, step)
		}
	}
	for _, trigger := range command.Triggers() {
		if outcome, to := command.Lookup("held", trigger); outcome != command.Ignore || to != "" {
			t.Errorf("%s of an unknown state is %s %s", trigger, outcome, to)
		}
	}
	if slices.Contains(events.States(), "held") {
		t.Error("the state is known by now; this test needs another")
	}
}

// TestAnUnknownTypeIsLeftAlone: what a newer version sends otherwise is not sent
// by this one.
func TestAnUnknownTypeIsLeftAlone(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	c := events.Command{ID: "x", Type: "openUri", State: events.StateAccepted, Sequence: 1, Round: 1, CreatedAt: at, UpdatedAt: at, ExpiresAt: at.Add(time.Hour)}
	if got := command.Apply(c, command.Claim{At: at}); len(got) > 0 {
		t.Errorf("a claim gives %s", got[0].Kind)
	}
	if step, _ := command.Next(c, command.Timing{PollFirst: time.Second, PollMax: time.Second}); step != command.StepLeave {
		t.Errorf("what is next is %s", step)
	}
}
