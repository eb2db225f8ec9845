package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// Window bounds of List: it reads headers of ever larger stretches of the
// stream, newest first, and leaves the rest to the next page.
const (
	firstWindow = 1 << 10
	lastWindow  = 1 << 16
	maxWindows  = 8
	// batchSize is how many headers are fetched at once.
	batchSize = 512
)

// Newest gives the commands first stored before the stream sequence before (0:
// from the newest on), newest first, at most limit. next is where the following
// page starts; 0 says that there is nothing older. A page may be short or empty
// and still have a next. deviceID limits it to one device where not empty.
func (b *Bus) Newest(ctx context.Context, deviceID string, before uint64, limit int) (page []events.Created, next uint64, err error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	stream, err := b.js.Stream(ctx, b.subjects.EventStream())
	if err != nil {
		b.log.Debug("list: stream info failed", "error", err)
		return nil, 0, events.Unavailable("the event stream does not answer; ask again")
	}
	state := stream.CachedInfo().State
	if before == 0 || before > state.LastSeq {
		before = state.LastSeq + 1
	}
	window := uint64(firstWindow)
	for range maxWindows {
		low := state.FirstSeq
		if before > window && before-window > low {
			low = before - window
		}
		if low >= before || state.Msgs == 0 {
			return page, 0, nil
		}
		found, err := b.created(ctx, stream, deviceID, low, before)
		if err != nil {
			return nil, 0, err
		}
		for _, c := range slices.Backward(found) {
			if page = append(page, c); len(page) == limit {
				return page, c.Sequence, nil
			}
		}
		before, window = low, min(window*2, lastWindow)
	}
	return page, before, nil
}

// created gives the first events in [low, high), oldest first.
func (b *Bus) created(ctx context.Context, stream jetstream.Stream, deviceID string, low, high uint64) (found []events.Created, err error) {
	for low < high {
		last, left, err := b.batch(ctx, stream, deviceID, low, func(sequence uint64, msg jetstream.Msg) {
			command, _, ok := b.subjects.ParseEvent(msg.Subject())
			if ok && sequence < high && events.FirstOfCommand(msg.Headers()) {
				found = append(found, events.Created{Command: command, Sequence: sequence})
			}
		})
		if err != nil {
			return nil, fmt.Errorf("list from sequence %d: %w", low, err)
		}
		if left == 0 {
			return found, nil
		}
		low = last + 1
	}
	return found, nil
}

// batch calls see for the next events, from sequence from on, whose kind can be
// the first of a command. It gives the last one's sequence and how many there are
// after it; without any it gives 0 for both.
func (b *Bus) batch(ctx context.Context, stream jetstream.Stream, deviceID string, from uint64, see func(uint64, jetstream.Msg)) (last, left uint64, err error) {
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubjects: []string{
			b.subjects.KindFilter(events.KindOf(events.StateAccepted), deviceID),
			b.subjects.KindFilter(events.KindOf(events.StateRegistered), deviceID),
			b.subjects.KindFilter(events.KindOf(events.StateRejected), deviceID),
		},
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   from,
		AckPolicy:     jetstream.AckNonePolicy,
		HeadersOnly:   true,
		MemoryStorage: true,
		Replicas:      1,
		// The consumer serves this one call.
		InactiveThreshold: 5 * time.Second,
	})
	if err != nil {
		return 0, 0, err
	}
	pending := consumer.CachedInfo().NumPending
	if pending == 0 {
		return 0, 0, nil
	}
	batch, err := consumer.FetchNoWait(int(min(pending, batchSize)))
	if err != nil {
		return 0, 0, err
	}
	for msg := range batch.Messages() {
		meta, err := msg.Metadata()
		if err != nil {
			return 0, 0, err
		}
		see(meta.Sequence.Stream, msg)
		last, left = meta.Sequence.Stream, meta.NumPending
	}
	if err := batch.Error(); err != nil {
		return 0, 0, err
	}
	if last == 0 { // no answer is not an empty one: the page would seem complete
		return 0, 0, errors.New("the stream did not answer")
	}
	return last, left, nil
}
