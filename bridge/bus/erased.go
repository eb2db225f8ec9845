package bus

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// erasedBatch is how many events of erased commands are read at once.
const erasedBatch = 256

// erased gives the sequences, in order, that the events of erased commands say were
// erased. Such an event is stored before what it names goes, and has a higher
// sequence, so it is there as long as the holes matter. One that cannot be read
// explains nothing.
func (b *Bus) erased(ctx context.Context) ([]uint64, error) {
	stream, err := b.js.Stream(ctx, b.subjects.EventStream())
	if err != nil {
		return nil, err
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject: b.subjects.KindFilter(events.KindOf(events.StateErased), ""),
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return nil, err
	}
	var list []uint64
	for {
		messages, err := consumer.FetchNoWait(erasedBatch)
		if err != nil {
			return nil, err
		}
		found := 0
		for msg := range messages.Messages() {
			found++
			meta, err := msg.Metadata()
			if err != nil {
				return nil, err
			}
			list = append(list, erasedBy(meta.Sequence.Stream, msg.Headers(), msg.Data())...)
		}
		if err := messages.Error(); err != nil {
			return nil, err
		}
		if found == 0 {
			slices.Sort(list)
			return slices.Compact(list), nil
		}
	}
}

// erasedBy gives what the event at a sequence says was erased.
func erasedBy(at uint64, header map[string][]string, body []byte) []uint64 {
	_, c, err := events.Decode(header, body)
	if err != nil || c.Erased == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Erased.Events), func(seq uint64) bool { return seq >= at })
}

// without gives the stretches from..to, both included, that are left without the
// sequences of a sorted list.
func without(from, to uint64, list []uint64) (left [][2]uint64) {
	at, _ := slices.BinarySearch(list, from)
	for _, seq := range list[at:] {
		if seq > to {
			break
		}
		if from < seq {
			left = append(left, [2]uint64{from, seq - 1})
		}
		from = seq + 1
	}
	if from <= to {
		left = append(left, [2]uint64{from, to})
	}
	return left
}
