package command

import (
	"slices"
	"sync"

	"devicebridge/events"
)

// Outcome is what a cell of the table does with a command.
type Outcome string

// The outcomes.
const (
	// Move: to the rule's state.
	Move Outcome = "move"
	// Advance: to the status' state if it ranks higher, or as high and is new in
	// this round.
	Advance Outcome = "advance"
	// Reopen: to retry, in a new round, if this very report was not seen before.
	Reopen Outcome = "reopen"
	// Contradict: a conflict event, unless this status was seen before.
	Contradict Outcome = "contradict"
	// Respond: a response event, while under way for a payload that is new, after
	// completed while the payload is awaited.
	Respond Outcome = "respond"
	// Ignore: nothing.
	Ignore Outcome = "ignore"
)

// None stands for "no record yet" in the table.
const None events.State = ""

// rule says: in one of the states From, the triggers On have this Outcome. A
// Move goes to To, or, where To is empty, to the state of the status itself.
type rule struct {
	from    []events.State
	on      []Trigger
	outcome Outcome
	to      events.State
}

// table is the whole lifecycle. Rows that share a cell do not occur: a test
// asserts it. A cell that no row names is Ignore.
func table() []rule {
	const (
		accepted   = events.StateAccepted
		sending    = events.StateSending
		deferred   = events.StateDeferred
		unknown    = events.StateOutcomeUnknown
		registered = events.StateRegistered
		rejected   = events.StateRejected
		timedOut   = events.StateTimedOut
	)
	var (
		progress = []events.State{
			events.StateRequesting, events.StateSentToTarget, events.StateExecuting, events.StateRetry,
			events.StateCustom, events.StateCancel, events.StateCancelling,
		}
		ended = []events.State{
			events.StateCompleted, events.StateFailedToSend, events.StateExecutionFailed, events.StateCommandDropped,
			events.StateCanceled, events.StateExpired, events.StateError,
		}
		// Not yet heard of by Graph, as far as the record knows. `accepted` is among
		// them because a status for it proves that it was sent after all, from a
		// record that a restored backup forgot; not to move would send it twice.
		unheard  = []events.State{accepted, sending, deferred, unknown, registered}
		running  = append(slices.Clone(unheard), progress...)
		steps    = statuses(progress, events.StateRetry)
		endings  = statuses(ended)
		retrying = []Trigger{OnStatus(events.StateRetry)}
	)
	return []rule{
		{[]events.State{None}, []Trigger{OnAccept}, Move, accepted},
		{[]events.State{None}, []Trigger{OnRegister}, Move, registered},
		{[]events.State{None}, []Trigger{OnRefuse}, Move, rejected},

		{[]events.State{accepted, deferred}, []Trigger{OnClaim}, Move, sending},
		{[]events.State{accepted, deferred}, []Trigger{OnCancel}, Move, events.StateCanceled},
		{[]events.State{accepted, deferred, sending}, []Trigger{OnRefuse}, Move, rejected},
		{[]events.State{sending}, []Trigger{OnDefer}, Move, deferred},
		{[]events.State{sending}, []Trigger{OnLoseTrack}, Move, unknown},
		{[]events.State{accepted, deferred}, []Trigger{OnQuarantine}, Move, unknown},
		{running, []Trigger{OnExpire}, Move, timedOut},
		{append(slices.Clone(ended), rejected, timedOut), []Trigger{OnErase}, Move, events.StateErased},

		{unheard, steps, Move, ""},
		{progress, steps, Advance, ""},
		{running, retrying, Reopen, ""},
		{running, endings, Move, ""},
		{[]events.State{timedOut}, endings, Move, ""},
		{append(slices.Clone(ended), rejected), endings, Contradict, ""},

		{[]events.State{events.StateCompleted}, []Trigger{OnFetched, OnFetchFailed, OnPayload}, Respond, ""},
		{running, []Trigger{OnPayload}, Respond, ""},
	}
}

// cell is a place in the table, and what stands there.
type (
	cell struct {
		state   events.State
		trigger Trigger
	}
	content struct {
		outcome Outcome
		to      events.State
	}
)

// cells is the table, spread out at the first use and only read from then on.
//
//nolint:gochecknoglobals // a constant, which Go has no form for
var cells = sync.OnceValue(func() map[cell]content {
	spread := make(map[cell]content)
	for _, r := range table() {
		for _, s := range r.from {
			for _, t := range r.on {
				to := r.to
				if r.outcome == Move && to == "" {
					to = events.State(t)
				}
				spread[cell{s, t}] = content{r.outcome, to}
			}
		}
	}
	return spread
})

// Lookup gives the cell of state and trigger: what happens, and for a Move to
// which state.
func Lookup(s events.State, t Trigger) (Outcome, events.State) {
	if found, is := cells()[cell{s, t}]; is {
		return found.outcome, found.to
	}
	return Ignore, ""
}

// Triggers lists every trigger, the bridge's own first.
func Triggers() []Trigger {
	return append([]Trigger{
		OnAccept, OnRegister, OnClaim, OnDefer, OnLoseTrack, OnRefuse, OnCancel, OnQuarantine, OnExpire, OnErase, OnFetched, OnFetchFailed, OnPayload,
	}, statuses(events.GraphStates())...)
}

func statuses(states []events.State, without ...events.State) []Trigger {
	var ts []Trigger
	for _, s := range states {
		if !slices.Contains(without, s) {
			ts = append(ts, OnStatus(s))
		}
	}
	return ts
}

// rank orders the statuses of one round: requesting < sentToTarget < executing <
// terminal. `custom`, `cancel` and `cancelling` rank with `executing`; `retry`
// ranks below all, because anything may follow it.
func rank(s events.State) int {
	switch s {
	case events.StateRetry:
		return 0
	case events.StateRequesting:
		return 1
	case events.StateSentToTarget:
		return 2
	case events.StateExecuting, events.StateCustom, events.StateCancel, events.StateCancelling:
		return 3
	default:
		return 4
	}
}
