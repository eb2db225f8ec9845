package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// EachOpened calls see for every command that was accepted, registered or erased at
// or after since, oldest first, up to the newest of the moment it began. Only
// headers are read.
func (b *Bus) EachOpened(ctx context.Context, since time.Time, see func(command string) error) error {
	stream, err := b.eventStream(ctx)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	filters := []string{
		b.subjects.KindFilter(events.KindOf(events.StateAccepted), ""),
		b.subjects.KindFilter(events.KindOf(events.StateRegistered), ""),
		b.subjects.KindFilter(events.KindOf(events.StateErased), ""),
	}
	newest := stream.CachedInfo().State.LastSeq
	for from := fromTime(since); ; {
		batch, err := b.headers(ctx, stream, from, filters)
		if err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		for _, h := range batch.found {
			if h.sequence > newest {
				return nil
			}
			if err := see(h.command); err != nil {
				return err
			}
		}
		if batch.left == 0 {
			return nil
		}
		from = fromSequence(batch.last() + 1)
	}
}

// eventStream looks at the event stream.
func (b *Bus) eventStream(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	return b.js.Stream(ctx, b.subjects.EventStream())
}
