package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"devicebridge/events"
)

// Subscription gives events as they are stored, at most once each.
type Subscription struct{ sub *nats.Subscription }

// SubscribeCommand subscribes to the events of one command; when it returns, the
// server has the subscription.
func (b *Bus) SubscribeCommand(ctx context.Context, command string) (*Subscription, error) {
	return b.subscribe(ctx, b.subjects.CommandFilter(command))
}

func (b *Bus) subscribe(ctx context.Context, filter string) (*Subscription, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	sub, err := b.nc.SubscribeSync(filter)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", filter, err)
	}
	if err := b.nc.FlushWithContext(ctx); err != nil {
		_ = sub.Unsubscribe()
		return nil, fmt.Errorf("subscribe to %s: %w", filter, err)
	}
	return &Subscription{sub}, nil
}

// Next gives the next event, or the error of ctx.
func (s *Subscription) Next(ctx context.Context) (events.Stored, error) {
	msg, err := s.sub.NextMsgWithContext(ctx)
	if err != nil {
		return events.Stored{}, fmt.Errorf("next event: %w", err)
	}
	return stored(0, msg.Header, msg.Data)
}

// Close ends the subscription.
func (s *Subscription) Close() { _ = s.sub.Unsubscribe() }
