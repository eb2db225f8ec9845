package command_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// full gives a record of every member in a state.
func full(s events.State, response events.Response) events.Command {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	return events.Command{
		ID: "x", RequestID: "r", CorrelationID: "c", RetryOf: "o", RequestSHA256: "d", DeviceID: "device", Type: events.TypeAppService,
		AppServiceName: "a", PackageFamilyName: "p", Payload: json.RawMessage(`{"a":1}`), State: s, Terminal: s.Terminal(), Round: 3, Seen: []string{"retry:1"},
		GraphID: "g", GraphStatus: "Completed", Error: events.Unavailable("for Jim"), Response: response,
		ResponsePayload: json.RawMessage(`{"b":2}`), ResponseRef: &events.ObjectRef{Name: "n"}, Sequence: 7, Attempt: 2, Source: events.SourcePostback,
		CreatedAt: at, UpdatedAt: at.Add(time.Second), ExpiresAt: at.Add(time.Hour), RetryAt: &at, TraceParent: "t", TraceState: "s",
	}
}

// TestErase: only a command to which nothing more has to happen is erased, and what
// is left of it is what is named here.
func TestErase(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	in := command.Erase{At: at, Reason: "asked", Events: []uint64{4, 9}}
	for _, state := range events.States() {
		for _, response := range []events.Response{events.ResponseNone, events.ResponsePending, events.ResponseStored, events.ResponseFailed} {
			c := full(state, response)
			got := command.Apply(c, in)
			if !state.Terminal() || response == events.ResponsePending || state == events.StateErased {
				if len(got) > 0 {
					t.Errorf("%s, response %s: %s", state, response, got[0].Kind)
				}
				continue
			}
			want := command.Event{Kind: "erased", Command: events.Command{
				ID: "x", DeviceID: "device", State: events.StateErased, Terminal: true, Round: 3, Response: events.ResponseNone,
				Sequence: 8, Attempt: 2, Source: events.SourceCaller, CreatedAt: c.CreatedAt, UpdatedAt: at, ExpiresAt: c.ExpiresAt,
				Erased: &events.Erasure{State: state, Reason: "asked", Events: []uint64{4, 9}},
			}}
			if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
				t.Errorf("%s, response %s: %+v, want %+v", state, response, got, want)
			}
		}
	}
}

// TestAnErasureTakesUnknownMembersToo: what a newer version wrote is not kept by an
// older one that erases.
func TestAnErasureTakesUnknownMembersToo(t *testing.T) {
	var c events.Command
	if err := json.Unmarshal([]byte(`{"id":"x","state":"completed","terminal":true,"response":"none","sequence":2,"note":"for Jim"}`), &c); err != nil {
		t.Fatal(err)
	}
	got := command.Apply(c, command.Erase{At: time.Now(), Events: []uint64{1}})
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	text, err := json.Marshal(got[0].Command)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	if _, kept := members["note"]; kept {
		t.Errorf("the record is %s", text)
	}
}

// TestNothingFollowsOnAnErasure: no news of any kind brings anything back.
func TestNothingFollowsOnAnErasure(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	c := command.Apply(full(events.StateTimedOut, events.ResponseNone), command.Erase{At: at, Events: []uint64{4}})[0].Command
	inputs := []command.Input{
		command.Claim{At: at}, command.Cancel{At: at}, command.Quarantine{At: at, Before: at.Add(time.Hour)}, command.Expire{At: at.Add(time.Hour)},
		command.Fetched{At: at, Payload: json.RawMessage(`{}`)}, command.FetchFailed{At: at}, command.Erase{At: at},
		command.Refuse{At: at, Attempt: c.Attempt}, command.Defer{At: at, Attempt: c.Attempt}, command.LoseTrack{At: at, Attempt: c.Attempt},
	}
	for _, status := range append(events.GraphStates(), "", "held") {
		for _, source := range []events.Source{events.SourcePostback, events.SourcePoll, events.SourceDispatch} {
			inputs = append(inputs, command.Observe{At: at, Source: source, Observation: observation(string(status), "g", `{"a":1}`)})
		}
	}
	for _, in := range inputs {
		if got := command.Apply(c, in); len(got) > 0 {
			t.Errorf("%+v gives %s", in, got[0].Kind)
		}
	}
	if step, _ := command.Next(c, command.Timing{}); step != command.StepNone || !c.Ended() || !slices.Contains(events.BridgeStates(), c.State) {
		t.Errorf("what is next is %s", step)
	}
}
