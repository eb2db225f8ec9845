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
	// StepLeave: nothing by this version; its state is one that a newer version
	// brought in, whose replicas know what to do.
	StepLeave Step = "leave"
)

// Timing says how patient the bridge is.
type Timing struct {
	// PollFirst is how long after the last news of a command Graph is asked for
	// its status; PollMax the longest time between two polls.
	PollFirst, PollMax time.Duration
	// PollGrowth is by how much the time since the last news grows from one poll to
	// the next: with 2 each poll waits as long again as there was silence. More
	// than 1; PollJitter is the part of a delay, either way, by which polls spread.
	PollGrowth, PollJitter float64
	// Grace is how long after ExpiresAt a response payload is still fetched.
	Grace time.Duration
}

// Next derives from the record alone what has to be done next and when; the
// step is due when the time is not in the future. It needs no memory of earlier
// steps, so any replica can resume any command.
func Next(c events.Command, t Timing) (Step, time.Time) {
	switch {
	case !Known(c):
		return StepLeave, c.UpdatedAt
	case c.Ended():
		return StepNone, time.Time{}
	case c.Terminal:
		return StepFetch, c.UpdatedAt
	case c.GraphID != "" && (c.State == events.StateAccepted || c.State == events.StateDeferred):
		// Graph knows it after all, so it was sent.
		return before(c.ExpiresAt, StepPoll, c.UpdatedAt.Add(t.PollFirst))
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

// aheadBy is by how much a record may be ahead of a reader's clock where the clocks of
// two hosts differ; one that is further ahead was written by a clock that was wrong.
const aheadBy = time.Minute

// Ahead reports whether a record was written by a clock that was ahead, or the clock
// of now was set back since: its times say nothing about now. A RetryAt that comes
// before UpdatedAt was set by a clock that was right again: UpdatedAt never goes back.
func Ahead(c events.Command, now time.Time) bool {
	return c.UpdatedAt.After(now.Add(aheadBy)) && (c.RetryAt == nil || !c.RetryAt.Before(c.UpdatedAt))
}

// Known reports whether this version knows the state and the type of c. Another
// version's command is left alone: nothing is sent, ended or published for it.
func Known(c events.Command) bool {
	switch c.Type {
	case "", events.TypeLaunchURI, events.TypeAppService:
		return c.State.Known()
	default:
		return false
	}
}

// before gives step at its time unless the command expires until then.
func before(expiresAt time.Time, step Step, at time.Time) (Step, time.Time) {
	if !at.Before(expiresAt) {
		return StepExpire, expiresAt
	}
	return step, at
}

// PollDelay gives how long to wait after a poll that brought nothing, when there
// has been no news for silence: so long that the silence grows by PollGrowth,
// between PollFirst and PollMax. The delay so grows without a counter.
func (t Timing) PollDelay(silence time.Duration) time.Duration {
	growth := time.Duration(float64(silence) * (t.PollGrowth - 1))
	return min(max(growth, t.PollFirst), t.PollMax)
}
