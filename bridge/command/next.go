package command

import (
	"time"

	"devicebridge/events"
)

// Step is what has to be done for a command next.
type Step string

// The steps.
const (
	// StepNone: nothing; the command has ended.
	StepNone Step = "none"
	// StepSend: claim it and send it.
	StepSend Step = "send"
	// StepPoll: ask Graph for its status.
	StepPoll Step = "poll"
	// StepFetch: ask Graph for its response payload.
	StepFetch Step = "fetch"
	// StepExpire: end it; its time is over.
	StepExpire Step = "expire"
)

// Timing says how patient the bridge is.
type Timing struct {
	// PollFirst is how long after the last news of a command Graph is asked for
	// its status; PollMax the longest time between two polls.
	PollFirst, PollMax time.Duration
	// Grace is how long after ExpiresAt a response payload is still fetched.
	Grace time.Duration
}

// Next derives from the record alone what has to be done next and when; the
// step is due when the time is not in the future. It needs no memory of earlier
// steps, so any replica can resume any command.
func Next(c events.Command, t Timing) (Step, time.Time) {
	switch {
	case c.Ended():
		return StepNone, time.Time{}
	case c.Terminal:
		return StepFetch, c.UpdatedAt
	case c.State == events.StateAccepted:
		return before(c.ExpiresAt, StepSend, c.CreatedAt)
	case c.State == events.StateDeferred && c.RetryAt != nil:
		return before(c.ExpiresAt, StepSend, *c.RetryAt)
	case c.GraphID != "" && c.Type != "":
		// A registered command has no type: it is somebody else's, and not polled.
		return before(c.ExpiresAt, StepPoll, c.UpdatedAt.Add(t.PollFirst))
	default:
		return StepExpire, c.ExpiresAt
	}
}

// before gives step at its time unless the command expires until then.
func before(expiresAt time.Time, step Step, at time.Time) (Step, time.Time) {
	if !at.Before(expiresAt) {
		return StepExpire, expiresAt
	}
	return step, at
}

// PollDelay gives how long to wait after a poll or a fetch that brought nothing,
// when there has been no news for silence: as long again, between PollFirst and
// PollMax. The delay so doubles without a counter.
func (t Timing) PollDelay(silence time.Duration) time.Duration {
	return min(max(silence, t.PollFirst), t.PollMax)
}
