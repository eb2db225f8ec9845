package bridge

import (
	"context"
	"errors"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// Look does what is due for a command, whatever that is: its timer fired. It
// gives how long to wait before the delivery must come again, 0 when done.
func (b *Bridge) Look(ctx context.Context, id string, d Delivery) time.Duration {
	latest, err := b.Stream.Latest(ctx, id)
	if events.HasCode(err, events.CodeNotFound) {
		return 0
	}
	if err != nil {
		return backoff(d.Count)
	}
	switch latest.Command.State {
	case events.StateAccepted, events.StateDeferred, events.StateSending:
		return b.drive(ctx, latest, d)
	}
	b.leases.forget(id)
	now := b.Now()
	step, at := b.next(latest.Command, now)
	if step == command.StepNone {
		return 0
	}
	if now.Before(at) {
		return b.rearm(ctx, latest, at, d)
	}
	switch step {
	case command.StepPoll:
		return b.poll(ctx, latest, d)
	case command.StepFetch:
		return b.fetch(ctx, latest, d)
	default:
		if _, err := b.fold(ctx, latest, true, command.Expire{At: now}); err != nil {
			return backoff(d.Count)
		}
		return 0
	}
}

// next says what has to be done for a command, and when. It differs from
// command.Next where that is overdue: from ExpiresAt on a command is neither sent
// nor polled, it ends.
func (b *Bridge) next(c events.Command, now time.Time) (command.Step, time.Time) {
	step, at := command.Next(c, b.Timing)
	if (step == command.StepSend || step == command.StepPoll) && !now.Before(c.ExpiresAt) {
		return command.StepExpire, c.ExpiresAt
	}
	return step, at
}

// poll asks Graph for the status of a command from which no news came.
func (b *Bridge) poll(ctx context.Context, from events.Stored, d Delivery) time.Duration {
	c := from.Command
	delay := b.Timing.PollDelay(b.Now().Sub(c.UpdatedAt))
	o, err := b.Observer.Command(ctx, c.DeviceID, c.GraphID)
	switch {
	case graph.IsNotFound(err):
		// Graph may still be about to know it: keep on, slowly.
		delay = b.Timing.PollMax
	case err != nil:
		b.Log.Warn("poll failed", "command", c.ID, "error", err)
		delay = max(delay, retryAfter(err))
	default:
		after, err := b.fold(ctx, from, false, command.Observe{At: b.Now(), Source: events.SourcePoll, Observation: o})
		if err != nil {
			return backoff(d.Count)
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
	return b.rearm(ctx, from, earlier(b.Now().Add(jitter(delay)), c.ExpiresAt), d)
}

// fetch asks Graph for the response payload of a completed command, and gives up
// when its grace is over.
func (b *Bridge) fetch(ctx context.Context, from events.Stored, d Delivery) time.Duration {
	c := from.Command
	var pause time.Duration
	failure := &events.Error{Code: "noGraphId", Message: "Graph's id of the command never became known, so its response payload cannot be asked for"}
	if c.GraphID != "" {
		payload, err := b.Observer.ResponsePayload(ctx, c.DeviceID, c.GraphID)
		if err == nil {
			_, err = b.fold(ctx, from, false, command.Fetched{At: b.Now(), Payload: payload})
			if err == nil {
				return 0
			}
		}
		refusal, told := errors.AsType[*events.Error](err)
		switch {
		case told && refusal.Code == events.CodeTooLarge:
			return b.giveUp(ctx, from, refusal, d)
		case told:
			return backoff(d.Count) // the stream, not Graph
		}
		failure, pause = failureOf(err), retryAfter(err)
	}
	now, deadline := b.Now(), c.ExpiresAt.Add(b.Timing.Grace)
	if !now.Before(deadline) {
		return b.giveUp(ctx, from, failure, d)
	}
	b.Log.Debug("response payload not there yet", "command", c.ID, "reason", failure.Code)
	wait := jitter(max(b.fetchDelay(now.Sub(c.UpdatedAt)), pause))
	return b.rearm(ctx, from, earlier(now.Add(wait), deadline), d)
}

// fetchDelay grows like a poll's, from a second on: the payload of a completed
// command is near.
func (b *Bridge) fetchDelay(silence time.Duration) time.Duration {
	return min(max(silence, time.Second), b.Timing.PollMax)
}

func (b *Bridge) giveUp(ctx context.Context, from events.Stored, why *events.Error, d Delivery) time.Duration {
	if _, err := b.fold(ctx, from, false, command.FetchFailed{At: b.Now(), Error: why}); err != nil {
		return backoff(d.Count)
	}
	return 0
}
