package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"devicebridge/events"
)

// The headers of a scheduled message, from NATS' ADR-51. The library's own
// option cuts the time to whole seconds and would fire up to a second early.
const (
	headerSchedule       = "Nats-Schedule"
	headerScheduleTarget = "Nats-Schedule-Target"
	// headerLook of a due timer says what it wants beyond a look at the record.
	headerLook  = "Bridge-Look"
	lookConfirm = "confirm"
)

// Arm sets the one timer of a command to at, in place of an earlier one. A time
// that has passed fires at once.
func (b *Bus) Arm(ctx context.Context, command string, at time.Time) error {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	_, err := b.js.PublishMsg(ctx, &nats.Msg{
		Subject: b.subjects.TimerAt(command),
		Header: nats.Header{
			headerSchedule:       {"@at " + at.UTC().Format(time.RFC3339Nano)},
			headerScheduleTarget: {b.subjects.TimerDue(command)},
		},
	})
	if err != nil {
		return fmt.Errorf("arm the timer of %s: %w", command, err)
	}
	return nil
}

// Ask puts a due timer beside the one of the command: its Delivery has Confirm.
func (b *Bus) Ask(ctx context.Context, command string) error {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	_, err := b.js.PublishMsg(ctx, &nats.Msg{
		Subject: b.subjects.TimerDue(command),
		Header:  nats.Header{headerLook: {lookConfirm}},
	})
	if err != nil {
		return fmt.Errorf("ask about %s: %w", command, err)
	}
	return nil
}

// Confirm reports whether the delivery is of an Ask.
func (d Delivery) Confirm() bool {
	return events.HeaderValue(d.Header, headerLook) == lookConfirm
}

// Armed reports whether a timer of the command waits, or is due and not done.
func (b *Bus) Armed(ctx context.Context, command string) (bool, error) {
	_, err := b.lastOf(ctx, b.subjects.TimerStream(), b.subjects.TimersOf(command))
	if events.HasCode(err, events.CodeNotFound) {
		return false, nil
	}
	return err == nil, err
}
