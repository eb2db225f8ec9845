package bridge

import (
	"context"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/bridge/crash"
	"devicebridge/events"
)

// scheduleTries bounds how often one call follows news that keeps coming; who
// brings the next news sets the timer for it.
const scheduleTries = 8

// schedule sets the one timer of a command, whose latest event is from as far as
// the caller knows, to at. A command has one timer, so a caller with an old
// record could put off what a newer one made urgent: after setting the timer it
// looks whether its record still is the latest, and follows the newer if not.
// Whoever sets the timer last has then seen the last event.
func (b *Bridge) schedule(ctx context.Context, from events.Stored, at time.Time) error {
	for range scheduleTries {
		if err := b.Timers.Arm(ctx, from.Command.ID, at); err != nil {
			return err
		}
		crash.At(crash.TimerArmed)
		latest, err := b.Stream.Latest(ctx, from.Command.ID)
		if err != nil {
			return err
		}
		if latest.Sequence == from.Sequence {
			return nil
		}
		step, next := b.next(latest.Command, b.Now())
		if step == command.StepNone {
			return nil
		}
		from, at = latest, next
	}
	return nil
}

// rearm leaves a command to its durable timer; while that cannot be set, the
// delivery itself is kept. Timers run on another clock. Where that is ahead, at is
// past for it when it is still to come for this one: the timer would fire at once,
// again and again.
func (b *Bridge) rearm(ctx context.Context, from events.Stored, at time.Time, d Delivery) time.Duration {
	ahead := max(d.Sent.Sub(b.Now()), 0)
	if err := b.schedule(ctx, from, at.Add(ahead)); err != nil {
		b.Log.Warn("timer not set; the delivery stands in for it", "command", from.Command.ID, "error", err)
		// Not longer than that: it holds one of the places of its consumer.
		return min(max(at.Sub(b.Now()), b.again(from.Command, d)), longPause)
	}
	return 0
}

// wake leaves what has to be done next for a command to its durable timer.
func (b *Bridge) wake(ctx context.Context, latest events.Stored, d Delivery) time.Duration {
	step, at := b.next(latest.Command, b.Now())
	if step == command.StepNone {
		return 0
	}
	return b.rearm(ctx, latest, at, d)
}
