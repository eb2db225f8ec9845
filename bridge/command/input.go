package command

import (
	"encoding/json"
	"time"

	"devicebridge/events"
)

// Input is something that happened to a command. The set is closed: Claim,
// Defer, LoseTrack, Refuse, Cancel, Quarantine, Expire, Erase, Observe, Fetched and
// FetchFailed.
type Input interface {
	on(c events.Command) Trigger
}

// Trigger is the column of the transition table: the name of an input, or the
// state that a status from Graph stands for.
type Trigger string

// The triggers that are not statuses from Graph. Accept and Register have no
// Input type: they begin a command, see New.
const (
	OnAccept      Trigger = "accept"
	OnRegister    Trigger = "register"
	OnClaim       Trigger = "claim"
	OnDefer       Trigger = "defer"
	OnLoseTrack   Trigger = "loseTrack"
	OnRefuse      Trigger = "refuse"
	OnCancel      Trigger = "callerCancel"
	OnQuarantine  Trigger = "quarantine"
	OnExpire      Trigger = "expire"
	OnErase       Trigger = "erase"
	OnFetched     Trigger = "fetched"
	OnFetchFailed Trigger = "fetchFailed"
	// OnPayload is the response payload that an observation brings beside its
	// status.
	OnPayload Trigger = "payload"
	// onNothing is an observation without a status, or the outcome of an attempt
	// that is not the current one.
	onNothing Trigger = "nothing"
)

// OnStatus gives the trigger of a status from Graph.
func OnStatus(s events.State) Trigger { return Trigger(s) }

// Claim takes the command for sending. Only who sees its event stored may send.
type Claim struct{ At time.Time }

// Defer says that attempt Attempt surely was not taken by Graph; the command is
// sent again at RetryAt.
type Defer struct {
	At      time.Time
	Attempt int
	RetryAt time.Time
	Error   *events.Error
}

// LoseTrack says that attempt Attempt may or may not have reached Graph.
type LoseTrack struct {
	At      time.Time
	Attempt int
	Source  events.Source
	Error   *events.Error
}

// Refuse says that the command will not be done: Graph refused attempt Attempt,
// or the bridge found before sending that it must not.
type Refuse struct {
	At      time.Time
	Attempt int
	Error   *events.Error
}

// Cancel is a caller's wish; it holds only while nothing was sent.
type Cancel struct{ At time.Time }

// Quarantine says that the record is from a backup: a command that it shows as
// still to be sent, and that was there before Before, may have been sent since.
type Quarantine struct{ At, Before time.Time }

// Expire says that the deadline passed.
type Expire struct{ At time.Time }

// Erase takes away what the command is about; it holds only when nothing more has to
// happen to it. Events are the stream sequences of its events so far.
type Erase struct {
	At     time.Time
	Reason string
	Events []uint64
}

// Observe is what Graph says: in a postback, in its answer to the POST or in a
// poll. Source tells which.
type Observe struct {
	At          time.Time
	Source      events.Source
	Observation events.Observation
	// Object is where the response payload is kept if it fits no message; nil puts
	// it into its event.
	Object *events.ObjectRef
}

// Fetched brings the response payload that a GET gave.
type Fetched struct {
	At      time.Time
	Payload json.RawMessage
	// Object is as in Observe.
	Object *events.ObjectRef
}

// FetchFailed says that the response payload cannot be had.
type FetchFailed struct {
	At    time.Time
	Error *events.Error
}

func (Cancel) on(events.Command) Trigger      { return OnCancel }
func (Fetched) on(events.Command) Trigger     { return OnFetched }
func (FetchFailed) on(events.Command) Trigger { return OnFetchFailed }

// A claim holds only while the command is due: not before RetryAt, unless a clock that
// was wrong has set that; not from ExpiresAt on, and not if Graph knows the command
// already.
func (in Claim) on(c events.Command) Trigger {
	if c.GraphID != "" || !in.At.Before(c.ExpiresAt) || c.RetryAt != nil && in.At.Before(*c.RetryAt) && !Ahead(c, in.At) {
		return onNothing
	}
	return OnClaim
}

func (in Quarantine) on(c events.Command) Trigger {
	if !c.CreatedAt.Before(in.Before) {
		return onNothing
	}
	return OnQuarantine
}

// A timer that is early by the reader's clock changes nothing.
func (in Expire) on(c events.Command) Trigger {
	if in.At.Before(c.ExpiresAt) {
		return onNothing
	}
	return OnExpire
}

func (in Erase) on(c events.Command) Trigger {
	if !c.Ended() {
		return onNothing
	}
	return OnErase
}

func (in Defer) on(c events.Command) Trigger     { return current(c, in.Attempt, OnDefer) }
func (in LoseTrack) on(c events.Command) Trigger { return current(c, in.Attempt, OnLoseTrack) }
func (in Refuse) on(c events.Command) Trigger    { return current(c, in.Attempt, OnRefuse) }

func (in Observe) on(events.Command) Trigger {
	if in.Observation.Status == "" {
		return onNothing
	}
	return OnStatus(events.StateOfStatus(in.Observation.Status))
}

// current drops the outcome of an attempt that is not the record's last: its
// sender was overtaken.
func current(c events.Command, attempt int, t Trigger) Trigger {
	if attempt != c.Attempt {
		return onNothing
	}
	return t
}
