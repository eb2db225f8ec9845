package command_test

import (
	"encoding/json"
	"testing"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// onObserve names the input Observe in a golden log; the others have the names of
// their triggers.
const onObserve command.Trigger = "observe"

// goldenInput is an input as a golden log keeps it.
type goldenInput struct {
	Kind    command.Trigger   `json:"kind"`
	At      time.Time         `json:"at"`
	Source  events.Source     `json:"source,omitempty"`
	Attempt int               `json:"attempt,omitempty"`
	RetryAt time.Time         `json:"retryAt,omitzero"`
	Before  time.Time         `json:"before,omitzero"`
	Error   *events.Error     `json:"error,omitempty"`
	Payload json.RawMessage   `json:"payload,omitempty"`
	Object  *events.ObjectRef `json:"object,omitempty"`
	Reason  string            `json:"reason,omitempty"`
	Events  []uint64          `json:"events,omitempty"`
	// Body is what Graph sent. Its parsing belongs to the fold: the digest of a
	// report is in the records.
	Body json.RawMessage `json:"body,omitempty"`
	// Command is what a request said, in the input that begins a command.
	Command json.RawMessage `json:"command,omitempty"`
}

// begins says whether the input is the first of a command.
func (in goldenInput) begins() bool { return in.Command != nil }

// follow gives the events of the input for a command whose latest record is c.
func (in goldenInput) follow(t *testing.T, c events.Command) []command.Event {
	t.Helper()
	if !in.begins() {
		return command.Apply(c, in.input(t))
	}
	var request events.Command
	if err := json.Unmarshal(in.Command, &request); err != nil {
		t.Fatal(err)
	}
	request.Error = in.Error
	return []command.Event{command.New(request, in.Kind, in.At)}
}

func (in goldenInput) input(t *testing.T) command.Input {
	t.Helper()
	switch in.Kind {
	case command.OnClaim:
		return command.Claim{At: in.At}
	case command.OnDefer:
		return command.Defer{At: in.At, Attempt: in.Attempt, RetryAt: in.RetryAt, Error: in.Error}
	case command.OnLoseTrack:
		return command.LoseTrack{At: in.At, Attempt: in.Attempt, Source: in.Source, Error: in.Error}
	case command.OnRefuse:
		return command.Refuse{At: in.At, Attempt: in.Attempt, Error: in.Error}
	case command.OnCancel:
		return command.Cancel{At: in.At}
	case command.OnQuarantine:
		return command.Quarantine{At: in.At, Before: in.Before}
	case command.OnExpire:
		return command.Expire{At: in.At}
	case command.OnErase:
		return command.Erase{At: in.At, Reason: in.Reason, Events: in.Events}
	case command.OnFetched:
		return command.Fetched{At: in.At, Payload: in.Payload, Object: in.Object}
	case command.OnFetchFailed:
		return command.FetchFailed{At: in.At, Error: in.Error}
	case onObserve:
		list, err := events.ParseObservations(in.Body)
		if err != nil || len(list) != 1 {
			t.Fatalf("%d observations in %s: %v", len(list), in.Body, err)
		}
		return command.Observe{At: in.At, Source: in.Source, Observation: list[0], Object: in.Object}
	default:
		t.Fatalf("no input is called %q", in.Kind)
		return nil
	}
}
