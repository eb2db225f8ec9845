package events

import (
	"slices"
	"strings"
	"unicode"
)

// State is where a command stands. Its text is also the kind of the event
// that brought the command there.
type State string

// The states the bridge itself sets.
const (
	// StateAccepted: durable, waiting to be sent.
	StateAccepted State = "accepted"
	// StateSending: claimed by one replica; the POST may be under way.
	StateSending State = "sending"
	// StateDeferred: known not to have been taken by Graph; sent again at RetryAt.
	StateDeferred State = "deferred"
	// StateOutcomeUnknown: may or may not have reached Graph; never sent again.
	StateOutcomeUnknown State = "outcomeUnknown"
	// StateRegistered: a callback minted for a command that somebody else sends.
	StateRegistered State = "registered"
	// StateRejected: refused by validation, by policy or by Graph; terminal.
	StateRejected State = "rejected"
	// StateTimedOut: the deadline passed without a terminal status; terminal,
	// and the only one that a later terminal status from Graph supersedes.
	StateTimedOut State = "timedOut"
	// StateErased: what the command was about was erased after it had ended;
	// terminal, and the last.
	StateErased State = "erased"
)

// The states that Graph sets: the documented list of actionStatus on Graph's
// get-device-command-status page, spelled as there.
const (
	StateRequesting      State = "requesting"
	StateSentToTarget    State = "sentToTarget"
	StateExecuting       State = "executing"
	StateRetry           State = "retry"
	StateCustom          State = "custom"
	StateCancel          State = "cancel"
	StateCancelling      State = "cancelling"
	StateCompleted       State = "completed"
	StateFailedToSend    State = "failedToSend"
	StateExecutionFailed State = "executionFailed"
	StateCommandDropped  State = "commandDropped"
	StateCanceled        State = "canceled"
	StateExpired         State = "expired"
	StateError           State = "error"
)

// GraphStates lists the states that Graph sets, in the documented order of
// progress: first those that may be followed by others, then the terminal ones.
func GraphStates() []State {
	return []State{
		StateRequesting, StateSentToTarget, StateExecuting, StateRetry, StateCustom, StateCancel, StateCancelling,
		StateCompleted, StateFailedToSend, StateExecutionFailed, StateCommandDropped, StateCanceled, StateExpired, StateError,
	}
}

// BridgeStates lists the states that the bridge sets.
func BridgeStates() []State {
	return []State{
		StateAccepted, StateSending, StateDeferred, StateOutcomeUnknown, StateRegistered, StateRejected, StateTimedOut,
		StateErased,
	}
}

// States lists every state: the bridge's, then Graph's.
func States() []State { return append(BridgeStates(), GraphStates()...) }

// Known reports whether s is one of States.
func (s State) Known() bool {
	return slices.Contains(BridgeStates(), s) || slices.Contains(GraphStates(), s)
}

// Terminal reports whether a command in state s has ended.
func (s State) Terminal() bool {
	switch s {
	case StateCompleted, StateFailedToSend, StateExecutionFailed, StateCommandDropped, StateCanceled, StateExpired,
		StateError, StateRejected, StateTimedOut, StateErased:
		return true
	default:
		return false
	}
}

// StateOfStatus maps a status text from Graph to its state, in any case, with or
// without space, dots, hyphens and underscores, and in British spelling.
// A status that nobody documented is StateCustom: it moves a command like
// `executing` does and its text is kept in the record's graphStatus.
func StateOfStatus(status string) State {
	if s, known := stateOf(status); known {
		return s
	}
	letters := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Cf) || strings.ContainsRune("_-.", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, status)
	switch letters {
	case "cancelled":
		return StateCanceled
	case "canceling":
		return StateCancelling
	}
	if s, known := stateOf(letters); known {
		return s
	}
	return StateCustom
}

func stateOf(status string) (State, bool) {
	states := GraphStates()
	i := slices.IndexFunc(states, func(s State) bool { return strings.EqualFold(string(s), status) })
	if i < 0 {
		return "", false
	}
	return states[i], true
}

// Kind is what an event tells: a state reached, or one of the three kinds that
// leave the state as it is. It is the last token of the event's subject.
type Kind string

// The kinds that are not states.
const (
	// KindResponse: a response payload arrived, or its GET failed for good.
	KindResponse Kind = "response"
	// KindLinked: an input first brought Graph's id without moving the state.
	KindLinked Kind = "linked"
	// KindConflict: Graph told a different terminal status after a terminal one.
	KindConflict Kind = "conflict"
)

// KindOf gives the kind of the event that brings a command to state s.
func KindOf(s State) Kind { return Kind(s) }

// Kinds lists every kind: all states, then those that are not states.
func Kinds() []Kind {
	var kinds []Kind
	for _, s := range States() {
		kinds = append(kinds, KindOf(s))
	}
	return append(kinds, KindResponse, KindLinked, KindConflict)
}
