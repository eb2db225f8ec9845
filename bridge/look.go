package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/bridge/crash"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// Look does what is due for a command, whatever that is: its timer fired. It
// gives how long to wait before the delivery must come again, 0 when done.
func (b *Bridge) Look(ctx context.Context, id string, d Delivery) time.Duration {
	crash.At(crash.TimerFired)
	wait := b.look(ctx, id, d)
	crash.At(crash.TimerWorked)
	return wait
}

func (b *Bridge) look(ctx context.Context, id string, d Delivery) time.Duration {
	latest, err := b.Stream.Latest(ctx, id)
	switch {
	case events.HasCode(err, events.CodeNotFound):
		return 0
	case b.unreadable(id, err):
		return 0
	case err != nil:
		return blindly(d)
	}
	ctx = b.Tracer.Resume(ctx, latest.Command)
	if d.Confirm > 0 {
		after, err := b.confirm(ctx, latest, d.Confirm)
		switch {
		case err != nil:
			return b.again(latest.Command, d)
		case after.Sequence == latest.Sequence:
			return 0 // the command's own timer stands
		}
		return b.wake(ctx, after, d)
	}
	switch latest.Command.State {
	case events.StateAccepted, events.StateDeferred, events.StateSending:
		return b.drive(ctx, latest, d, placeWait)
	}
	b.leases.forget(id)
	now := b.Now()
	step, at := b.next(latest.Command, now)
	switch {
	case step == command.StepNone:
		return 0
	case step == command.StepLeave:
		return b.leave(ctx, latest, d)
	case now.Before(at):
		return b.rearm(ctx, latest, at, d)
	case step == command.StepPoll:
		return b.poll(ctx, latest, d)
	case step == command.StepFetch:
		return b.fetch(ctx, latest, d)
	default:
		return b.expire(ctx, latest, d)
	}
}

// expire ends a command whose time is over, after a last look at what Graph says
// of it: a postback that was lost at the end must not cost the outcome.
func (b *Bridge) expire(ctx context.Context, from events.Stored, d Delivery) time.Duration {
	ctx, end := b.Tracer.Step(ctx, "expire")
	defer end()
	if c := from.Command; c.GraphID != "" && c.Type != "" && !c.Terminal {
		o, err := b.ask(ctx, c)
		if err == nil {
			after, err := b.observe(ctx, from, given, command.Observe{At: b.Now(), Source: events.SourcePoll, Observation: o})
			if err != nil {
				return b.again(from.Command, d)
			}
			if after.Command.Terminal {
				return b.wake(ctx, after, d)
			}
			from = after
		}
	}
	after, err := b.fold(ctx, from, given, command.Expire{At: b.Now()})
	if err != nil {
		return b.again(from.Command, d)
	}
	return b.wake(ctx, after, d)
}

// unreadable reports whether err says that a command's latest event is not one,
// and tells of it. Such a command is left alone: to read it again will not help,
// and the others must not wait for it.
func (b *Bridge) unreadable(id string, err error) bool {
	if !errors.Is(err, events.ErrUnreadable) {
		return false
	}
	b.Log.Error("the latest event of a command cannot be read; the command is left alone", "command", id, "error", err)
	b.Hooks.Unreadable()
	return true
}

// leave keeps a command of a newer version awake for a replica that knows it.
func (b *Bridge) leave(ctx context.Context, from events.Stored, d Delivery) time.Duration {
	return b.rearm(ctx, from, b.Now().Add(longPause), d)
}

// next says what has to be done for a command, and when. It differs from
// command.Next for a claim, which somebody looks at when its lease is over, and
// where that is overdue: from ExpiresAt on a command is neither sent nor polled,
// it ends. What waits by a clock that was wrong is due.
func (b *Bridge) next(c events.Command, now time.Time) (command.Step, time.Time) {
	if c.State == events.StateSending && command.Known(c) {
		return command.StepSend, c.UpdatedAt.Add(b.Lease)
	}
	step, at := command.Next(c, b.Timing)
	if (step == command.StepSend || step == command.StepPoll) && !now.Before(c.ExpiresAt) {
		return command.StepExpire, c.ExpiresAt
	}
	if (step == command.StepSend || step == command.StepPoll || step == command.StepFetch) && command.Ahead(c, now) {
		// Not when that clock said. While Graph is to be left alone, the pause of all
		// commands sees to that.
		at = earlier(at, now)
	}
	return step, at
}

// poll asks Graph for the status of a command from which no news came.
func (b *Bridge) poll(ctx context.Context, from events.Stored, d Delivery) time.Duration {
	ctx, end := b.Tracer.Step(ctx, "poll")
	defer end()
	c := from.Command
	delay := b.Timing.PollDelay(b.Now().Sub(c.UpdatedAt))
	o, err := b.ask(ctx, c)
	switch {
	case graph.IsNotFound(err):
		// Graph may still be about to know it: keep on, slowly.
		delay = b.Timing.PollMax
	case err != nil:
		b.Log.Warn("poll failed", "command", c.ID, "error", err)
		delay = max(delay, retryAfter(err))
	default:
		after, err := b.observe(ctx, from, given, command.Observe{At: b.Now(), Source: events.SourcePoll, Observation: o})
		if err != nil {
			return b.again(from.Command, d)
		}
		if after.Command.Ended() {
			return 0
		}
		if awaitsPayload(after) {
			return b.fetch(ctx, after, d)
		}
		if after.Sequence != from.Sequence {
			delay = b.Timing.PollFirst
		}
		from = after
	}
	return b.rearm(ctx, from, earlier(b.Now().Add(spread(delay, b.Timing.PollJitter)), c.ExpiresAt), d)
}

// ask asks Graph for the status of a command of which its id is known.
func (b *Bridge) ask(ctx context.Context, c events.Command) (events.Observation, error) {
	o, err := b.Observer.Command(b.about(ctx, c), c.DeviceID, c.GraphID)
	crash.At(crash.TimerAsked)
	switch {
	case err == nil:
		b.Hooks.Polled(PollAnswered)
	case graph.IsNotFound(err):
		b.Hooks.Polled(PollNotFound)
	default:
		b.Hooks.Polled(PollFailed)
	}
	return o, err
}

// about returns a context for requests about a command, whose callback tokens are
// taken out of the answers.
func (b *Bridge) about(ctx context.Context, c events.Command) context.Context {
	return graph.Hiding(graph.About(ctx, c.ID), b.Callbacks.Tokens(c.ID, b.callbackExpiry(c))...)
}

// fetch asks Graph for the response payload of a completed command, and gives up
// when its grace is over.
func (b *Bridge) fetch(ctx context.Context, from events.Stored, d Delivery) time.Duration {
	ctx, end := b.Tracer.Step(ctx, "fetch payload")
	defer end()
	c := from.Command
	now, deadline := b.Now(), c.ExpiresAt.Add(b.Timing.Grace)
	var pause time.Duration
	failure := &events.Error{Code: "noGraphId", Message: "Graph's id of the command never became known, so its response payload cannot be asked for"}
	if c.GraphID != "" {
		payload, err := b.Observer.ResponsePayload(b.about(ctx, c), c.DeviceID, c.GraphID)
		if err == nil {
			if err = b.takePayload(ctx, from, payload); err == nil {
				return 0
			}
		}
		refusal, told := errors.AsType[*events.Error](err)
		switch {
		case told && (refusal.Code == events.CodeTooLarge || !now.Before(deadline)):
			return b.giveUp(ctx, from, refusal, d)
		case told: // the stream, not Graph
			return b.rearm(ctx, from, earlier(now.Add(jitter(b.fetchDelay(now.Sub(c.UpdatedAt)))), deadline), d)
		case graph.IsTooLarge(err):
			return b.giveUp(ctx, from, &events.Error{Code: events.CodeTooLarge, Message: "the response payload is larger than the bridge reads"}, d)
		}
		if graph.IsTooDeep(err) {
			return b.giveUp(ctx, from, &events.Error{Code: codeTooDeep, Message: "the response payload " + events.DepthWords()}, d)
		}
		failure, pause = failureOf(err), retryAfter(err)
	}
	if !now.Before(deadline) {
		return b.giveUp(ctx, from, failure, d)
	}
	b.Log.Debug("response payload not there yet", "command", c.ID, "reason", failure.Code)
	wait := jitter(max(b.fetchDelay(now.Sub(c.UpdatedAt)), pause))
	return b.rearm(ctx, from, earlier(now.Add(wait), deadline), d)
}

// codeTooDeep is the code of a response payload that is nested too deep to be kept.
const codeTooDeep = events.Code("tooDeep")

// takePayload stores the payload that a fetch gave.
func (b *Bridge) takePayload(ctx context.Context, from events.Stored, payload json.RawMessage) error {
	_, _, err := b.foldPayload(ctx, from, given, payload, func(object *events.ObjectRef) command.Input {
		return command.Fetched{At: b.Now(), Payload: payload, Object: object}
	})
	return err
}

// fetchDelay grows like a poll's, from a second on: the payload of a completed
// command is near.
func (b *Bridge) fetchDelay(silence time.Duration) time.Duration {
	if silence < 0 { // by a clock that was set back it is not known
		silence = b.Timing.PollFirst
	}
	return min(max(silence, time.Second), b.Timing.PollMax)
}

func (b *Bridge) giveUp(ctx context.Context, from events.Stored, why *events.Error, d Delivery) time.Duration {
	if _, err := b.fold(ctx, from, given, command.FetchFailed{At: b.Now(), Error: why}); err != nil {
		return b.again(from.Command, d)
	}
	return 0
}
