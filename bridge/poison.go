package bridge

import (
	"context"
	"errors"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// PoisonedIntake refuses a queued request whose handling broke down, so that the
// queue moves on: it becomes a `rejected` event. It gives how long to wait before
// the message must come again, 0 when done.
func (b *Bridge) PoisonedIntake(ctx context.Context, q QueuedRequest) time.Duration {
	own := events.IntakeCommandID(q.StreamCreated, q.Sequence)
	err := b.hasRoom(ctx)
	if err == nil {
		err = b.reject(ctx, own, q.Header, events.Request{}, poisoned())
	}
	if err != nil {
		b.Log.Warn("poisoned request not rejected; it comes again", "intake_sequence", q.Sequence, "error", err)
		return jitter(intakePause)
	}
	return 0
}

// PoisonedCommand ends a command whose handling broke down before anything of it
// was sent: it becomes `rejected`. What may have been sent is left to its timer.
func (b *Bridge) PoisonedCommand(ctx context.Context, id string) time.Duration {
	latest, err := b.Stream.Latest(ctx, id)
	if events.HasCode(err, events.CodeNotFound) || errors.Is(err, events.ErrUnreadable) {
		return 0
	}
	if err == nil {
		switch latest.Command.State {
		case events.StateAccepted, events.StateDeferred:
			_, err = b.fold(ctx, latest, fresh, command.Refuse{At: b.Now(), Attempt: latest.Command.Attempt, Error: poisoned()})
		default:
			step, at := b.next(latest.Command, b.Now())
			if step == command.StepNone || step == command.StepLeave {
				return 0
			}
			// Not at once: what broke would break again.
			err = b.schedule(ctx, latest, later(at, b.Now().Add(jitter(longPause))))
		}
	}
	if err != nil {
		b.Log.Warn("poisoned command not handled; it comes again", "command", id, "error", err)
		return jitter(overduePause)
	}
	return 0
}

func poisoned() *events.Error {
	return &events.Error{Code: "poisoned", Message: "handling this command broke down; the bridge's log says where"}
}
