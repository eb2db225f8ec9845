package bus

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"devicebridge/events"
)

// The headers of a scheduled message, from NATS' ADR-51. The library's own
// option cuts the time to whole seconds and would fire up to a second early.
const (
	headerSchedule       = "Nats-Schedule"
	headerScheduleTarget = "Nats-Schedule-Target"
	// headerLook of a due timer says what it wants beyond a look at the record. The
	// server copies it from the schedule.
	headerLook  = "Bridge-Look"
	lookConfirm = "confirm "
	// headerDue of a due timer says from when on it was, likewise.
	headerDue = "Bridge-Due"
)

// Arm sets the one timer of a command to at, in place of an earlier one. A time
// that has passed fires at once.
func (b *Bus) Arm(ctx context.Context, command string, at time.Time) error {
	return b.schedule(ctx, b.subjects.TimerAt(command), command, at, nats.Header{})
}

// Ask sets a timer beside that of a command, in place of an earlier Ask: its
// delivery gives try as Confirm.
func (b *Bus) Ask(ctx context.Context, command string, at time.Time, try int) error {
	return b.schedule(ctx, b.subjects.TimerAsk(command), command, at, nats.Header{headerLook: {lookConfirm + strconv.Itoa(try)}})
}

func (b *Bus) schedule(ctx context.Context, subject, command string, at time.Time, header nats.Header) error {
	ctx, cancel := b.permitted(ctx, subject)
	defer cancel()
	b.inject(ctx, header)
	header[headerSchedule] = []string{"@at " + at.UTC().Format(time.RFC3339Nano)}
	header[headerDue] = []string{later(at, time.Now()).UTC().Format(time.RFC3339Nano)}
	header[headerScheduleTarget] = []string{b.subjects.TimerDue(command)}
	if _, err := b.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Header: header}); err != nil {
		return fmt.Errorf("arm a timer of %s: %w", command, why(ctx, err))
	}
	return nil
}

// Due gives the time for which the timer of the delivery was set, or at which,
// where that was later; zero for one that an older bridge set.
func (d Delivery) Due() time.Time {
	at, err := time.Parse(time.RFC3339Nano, events.HeaderValue(d.Header, headerDue))
	if err != nil {
		return time.Time{}
	}
	return at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Confirm gives the try of the Ask that the delivery is of; 0 for any other.
func (d Delivery) Confirm() int {
	text, is := strings.CutPrefix(events.HeaderValue(d.Header, headerLook), lookConfirm)
	try, err := strconv.Atoi(text)
	if !is || err != nil {
		return 0
	}
	return try
}

// Armed reports whether a timer of the command waits, or is due and not done.
func (b *Bus) Armed(ctx context.Context, command string) (bool, error) {
	_, err := b.lastOf(ctx, b.subjects.TimerStream(), b.subjects.TimersOf(command))
	if events.HasCode(err, events.CodeNotFound) {
		return false, nil
	}
	return err == nil, err
}
