package bridge

import (
	"context"
	"errors"
	"time"

	"devicebridge/events"
)

// MaxWait is the longest Bridge-Wait.
const MaxWait = 5 * time.Minute

// readWait reads the header Bridge-Wait; zero when absent.
func readWait(header map[string][]string) (time.Duration, error) {
	text := events.HeaderValue(header, events.HeaderWait)
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 || wait > MaxWait {
		return 0, events.Invalid(events.HeaderWait, `is not a duration from "0s" to "`+MaxWait.String()+`"`)
	}
	return wait, nil
}

// maxWaiting is how many requests may wait at once; it is well below what the
// service answers at once.
const maxWaiting = 512

// SendAndWait is Send with the header Bridge-Wait: the receipt then carries the
// record at its end, with its response payload, or as it stands when the wait or
// ctx is over, or when too many wait already, which is no error.
func (b *Bridge) SendAndWait(ctx context.Context, header map[string][]string, data []byte) (events.Receipt, error) {
	wait, err := readWait(header)
	if err != nil {
		return events.Receipt{}, err
	}
	receipt, err := b.Send(context.WithoutCancel(ctx), header, data)
	if err != nil || wait == 0 || receipt.Command.Ended() && receipt.Command.Response == events.ResponseNone {
		return receipt, err
	}
	select {
	case b.waiting <- struct{}{}:
		defer func() { <-b.waiting }()
	default:
		// Every place to wait is taken: the receipt is good without the wait, and
		// those who ask something else must not be kept out.
		return receipt, nil
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := b.awaitEnd(waiting, receipt.Command.ID); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		b.Log.Debug("wait ended early", "command", receipt.Command.ID, "error", err)
	}
	// The receipt stands whatever became of the wait; the read only makes it newer.
	if c, err := b.whole(context.WithoutCancel(ctx), receipt.Command.ID); err == nil {
		receipt.Command, receipt.Waits = c, b.waitsOf(c)
	}
	return receipt, nil
}

// recheck is how often a waiting request reads the record although no event
// came: a core subscription may miss one, at a reconnect for example.
const recheck = 5 * time.Second

// awaitEnd returns when the command has ended or ctx has. It subscribes first
// and reads then, so that an end between the two is not missed, and works on any
// replica, whoever sends the command.
func (b *Bridge) awaitEnd(ctx context.Context, id string) error {
	next, stop, err := b.Watcher.SubscribeCommand(ctx, id)
	if err != nil {
		return err
	}
	defer stop()
	for {
		latest, err := b.Stream.Latest(ctx, id)
		if err == nil && latest.Command.Ended() {
			return nil
		}
		round, cancel := context.WithTimeout(ctx, recheck)
		ended, err := untilEnd(round, next)
		cancel()
		if ended || ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

// untilEnd reads events until one ends the command.
func untilEnd(ctx context.Context, next func(context.Context) (events.Stored, error)) (bool, error) {
	for {
		e, err := next(ctx)
		if err != nil {
			return false, err
		}
		if e.Command.Ended() {
			return true, nil
		}
	}
}
