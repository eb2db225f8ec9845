package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"log/slog"

	"devicebridge/events"
)

// SubscribeCommand subscribes to the events of one command, as they are stored,
// at most once each. When it returns, the server has the subscription. next
// waits for the next readable event or the end of its context; stop ends the
// subscription.
func (b *Bus) SubscribeCommand(ctx context.Context, command string) (
	next func(context.Context) (events.Stored, error), stop func(), err error,
) {
	return b.subscribe(ctx, b.subjects.CommandFilter(command))
}

// SubscribeKind subscribes to one kind of events of every command, otherwise as
// SubscribeCommand.
func (b *Bus) SubscribeKind(ctx context.Context, kind events.Kind) (
	next func(context.Context) (events.Stored, error), stop func(), err error,
) {
	return b.subscribe(ctx, b.subjects.KindFilter(kind, ""))
}

func (b *Bus) subscribe(ctx context.Context, filter string) (
	next func(context.Context) (events.Stored, error), stop func(), err error,
) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	sub, err := b.nc.SubscribeSync(filter)
	if err != nil {
		return nil, nil, fmt.Errorf("subscribe to %s: %w", filter, err)
	}
	stop = func() { _ = sub.Unsubscribe() }
	if err := b.nc.FlushWithContext(ctx); err != nil {
		stop()
		return nil, nil, fmt.Errorf("subscribe to %s: %w", filter, err)
	}
	// Where the server refuses it, that came before the answer to the flush.
	if err := b.nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), strconv.Quote(filter)) {
		stop()
		return nil, nil, b.forbidden("subscribe to " + filter)
	}
	next = func(ctx context.Context) (events.Stored, error) {
		for {
			msg, err := sub.NextMsgWithContext(ctx)
			if err != nil {
				return events.Stored{}, fmt.Errorf("next event: %w", err)
			}
			event, err := stored(0, msg.Subject, msg.Header, msg.Data)
			if err == nil {
				return event, nil
			}
			// Those after it can be read.
			b.log.LogAttrs(ctx, slog.LevelDebug, "an event that cannot be read is passed over", about(msg.Subject), slog.Any("error", err))
		}
	}
	return next, stop, nil
}
