package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// EachOpened calls see for every command that was accepted or registered at or
// after since, oldest first, up to the newest of the moment it began. Only
// headers are read.
func (b *Bus) EachOpened(ctx context.Context, since time.Time, see func(command string) error) error {
	consumer, pending, err := b.opened(ctx, since)
	if err != nil {
		return err
	}
	for pending > 0 {
		batch, err := consumer.Fetch(int(min(pending, 512)), jetstream.FetchContext(ctx)) //nolint:gosec // at most 512
		if err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		got := uint64(0)
		for msg := range batch.Messages() {
			got++
			if command, _, ok := b.subjects.ParseEvent(msg.Subject()); ok {
				if err := see(command); err != nil {
					return err
				}
			}
		}
		if err := batch.Error(); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		if got == 0 {
			return errors.New("sweep: the stream gave nothing more than the part read so far")
		}
		pending -= min(got, pending)
	}
	return nil
}

func (b *Bus) opened(ctx context.Context, since time.Time) (jetstream.Consumer, uint64, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	consumer, err := b.js.OrderedConsumer(ctx, b.subjects.EventStream(), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{
			b.subjects.KindFilter(events.KindOf(events.StateAccepted), ""),
			b.subjects.KindFilter(events.KindOf(events.StateRegistered), ""),
		},
		DeliverPolicy:     jetstream.DeliverByStartTimePolicy,
		OptStartTime:      &since,
		HeadersOnly:       true,
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("sweep: %w", err)
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("sweep: %w", err)
	}
	return consumer, info.NumPending, nil
}
