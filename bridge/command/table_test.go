package command_test

import (
	"testing"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// want is the lifecycle written a second time, as conditions instead of a
// table: the oracle for every cell.
func want(s events.State, t command.Trigger) (command.Outcome, events.State) {
	status := events.State(t)
	switch {
	case s == command.None:
		switch t {
		case command.OnAccept:
			return command.Move, events.StateAccepted
		case command.OnRegister:
			return command.Move, events.StateRegistered
		case command.OnRefuse:
			return command.Move, events.StateRejected
		}
		return command.Ignore, ""
	case t == command.OnFetched, t == command.OnFetchFailed:
		if s == events.StateCompleted {
			return command.Respond, ""
		}
		return command.Ignore, ""
	case t == command.OnPayload:
		if s == events.StateCompleted || !s.Terminal() {
			return command.Respond, ""
		}
		return command.Ignore, ""
	case isGraph(status):
		return wantStatus(s, status)
	case t == command.OnErase && s.Terminal() && s != events.StateErased:
		return command.Move, events.StateErased
	case s.Terminal():
		return command.Ignore, ""
	case t == command.OnExpire:
		return command.Move, events.StateTimedOut
	}
	unsent := s == events.StateAccepted || s == events.StateDeferred
	switch t {
	case command.OnClaim:
		if unsent {
			return command.Move, events.StateSending
		}
	case command.OnCancel:
		if unsent {
			return command.Move, events.StateCanceled
		}
	case command.OnQuarantine:
		if unsent {
			return command.Move, events.StateOutcomeUnknown
		}
	case command.OnRefuse:
		if unsent || s == events.StateSending {
			return command.Move, events.StateRejected
		}
	case command.OnDefer:
		if s == events.StateSending {
			return command.Move, events.StateDeferred
		}
	case command.OnLoseTrack:
		if s == events.StateSending {
			return command.Move, events.StateOutcomeUnknown
		}
	}
	return command.Ignore, ""
}

func wantStatus(s, status events.State) (command.Outcome, events.State) {
	switch {
	case s == events.StateErased:
		return command.Ignore, ""
	case s == events.StateTimedOut && status.Terminal():
		return command.Move, status
	case s == events.StateTimedOut:
		return command.Ignore, ""
	case s.Terminal() && status.Terminal():
		return command.Contradict, ""
	case s.Terminal():
		return command.Ignore, ""
	case status.Terminal():
		return command.Move, status
	case status == events.StateRetry:
		return command.Reopen, ""
	case isGraph(s):
		return command.Advance, ""
	default:
		return command.Move, status
	}
}

func isGraph(s events.State) bool {
	for _, g := range events.GraphStates() {
		if g == s {
			return true
		}
	}
	return false
}

func TestEveryCellOfTheTable(t *testing.T) {
	cells := 0
	for _, s := range append([]events.State{command.None}, events.States()...) {
		for _, trigger := range command.Triggers() {
			outcome, to := command.Lookup(s, trigger)
			wantOutcome, wantTo := want(s, trigger)
			if outcome != wantOutcome || to != wantTo {
				t.Errorf("%q x %q = %s %q, want %s %q", s, trigger, outcome, to, wantOutcome, wantTo)
			}
			cells++
		}
	}
	if want := 23 * 27; cells != want {
		t.Errorf("%d cells checked, want %d: a state or a trigger is new or gone", cells, want)
	}
}

func TestUnlistedPairsAreIgnored(t *testing.T) {
	if outcome, _ := command.Lookup("neverHeardOf", command.OnClaim); outcome != command.Ignore {
		t.Errorf("an unknown state is %s, want ignore", outcome)
	}
	if outcome, _ := command.Lookup(events.StateAccepted, "neverHeardOf"); outcome != command.Ignore {
		t.Errorf("an unknown trigger is %s, want ignore", outcome)
	}
}
