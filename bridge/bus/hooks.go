package bus

import (
	"errors"
	"time"

	"devicebridge/events"
)

// Hooks are told what happens between the bus and NATS. They are called where it
// happens and must be quick. Any may be nil.
type Hooks struct {
	// Appended: an append to the event stream ended, after so long.
	Appended func(AppendResult, time.Duration)
	// Connected: the connection was made, or lost.
	Connected func(bool)
	// Reconnected: a connection that was lost is made again.
	Reconnected func()
	// Waiting: a start waits for NATS, and why; empty: it does no more.
	Waiting func(why string)
	// Filled: Watch looked, and a stream in which nothing gives way is full to this
	// part of its limit.
	Filled func(stream string, part float64)
}

// AppendResult is what came of an append.
type AppendResult string

// The results of an append.
const (
	// AppendStored: it is proven to be stored.
	AppendStored AppendResult = "stored"
	// AppendConflict: another event of the command was first, or may have been.
	AppendConflict AppendResult = "conflict"
	// AppendUnavailable: the stream did not confirm, has no room or is barred.
	AppendUnavailable AppendResult = "unavailable"
	// AppendRefused: no stream would take it, as it is too large or no event.
	AppendRefused AppendResult = "refused"
)

// AppendResults lists every result of an append.
func AppendResults() []AppendResult {
	return []AppendResult{AppendStored, AppendConflict, AppendUnavailable, AppendRefused}
}

func appendResult(err error) AppendResult {
	switch {
	case err == nil:
		return AppendStored
	case errors.Is(err, events.ErrLost):
		return AppendConflict
	case events.HasCode(err, events.CodeUnavailable):
		return AppendUnavailable
	default:
		return AppendRefused
	}
}

// complete puts functions that do nothing in the places that are empty.
func (h Hooks) complete() Hooks {
	if h.Appended == nil {
		h.Appended = func(AppendResult, time.Duration) {}
	}
	if h.Connected == nil {
		h.Connected = func(bool) {}
	}
	if h.Reconnected == nil {
		h.Reconnected = func() {}
	}
	if h.Waiting == nil {
		h.Waiting = func(string) {}
	}
	if h.Filled == nil {
		h.Filled = func(string, float64) {}
	}
	return h
}
