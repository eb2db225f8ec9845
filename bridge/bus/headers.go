package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// batchSize is how many headers are fetched at once.
const batchSize = 512

// header is what the headers of an event tell.
type header struct {
	sequence uint64
	command  string
	first    bool // of its command
	erased   bool // the last of an erased one
}

// headerBatch is a stretch of headers, and how many there are after it.
type headerBatch struct {
	found []header
	left  uint64
}

func (b headerBatch) last() uint64 { return b.found[len(b.found)-1].sequence }

// position is where reading starts.
type position struct {
	policy   jetstream.DeliverPolicy
	sequence uint64
	time     *time.Time
}

func fromSequence(n uint64) position {
	return position{policy: jetstream.DeliverByStartSequencePolicy, sequence: n}
}

func fromTime(t time.Time) position {
	return position{policy: jetstream.DeliverByStartTimePolicy, time: &t}
}

// headers reads the next headers under filters; left is 0 where nothing is found.
// It makes a consumer for each call: the library's ordered consumer does so for
// each fetch as well, but tries for ever, whatever becomes of ctx.
func (b *Bus) headers(ctx context.Context, stream jetstream.Stream, from position, filters []string) (headerBatch, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubjects: filters,
		DeliverPolicy:  from.policy,
		OptStartSeq:    from.sequence,
		OptStartTime:   from.time,
		AckPolicy:      jetstream.AckNonePolicy,
		HeadersOnly:    true,
		MemoryStorage:  true,
		Replicas:       1,
		// The consumer serves this one call.
		InactiveThreshold: 5 * time.Second,
	})
	if err != nil {
		return headerBatch{}, err
	}
	pending := consumer.CachedInfo().NumPending
	if pending == 0 {
		return headerBatch{}, nil
	}
	batch, err := b.fetchHeaders(consumer, int(min(pending, batchSize)))
	// In a cluster the consumer may be known to its leader before the server that
	// this connection is on.
	for try := 0; errors.Is(err, nats.ErrNoResponders) && try < fetchTries; try++ {
		if pause(ctx, writePause<<try) != nil {
			break
		}
		batch, err = b.fetchHeaders(consumer, int(min(pending, batchSize)))
	}
	return batch, err
}

// fetchTries bounds how often a new consumer is asked.
const fetchTries = 4

func (b *Bus) fetchHeaders(consumer jetstream.Consumer, most int) (headerBatch, error) {
	messages, err := consumer.FetchNoWait(most)
	if err != nil {
		return headerBatch{}, err
	}
	var batch headerBatch
	for msg := range messages.Messages() {
		meta, err := msg.Metadata()
		if err != nil {
			return headerBatch{}, err
		}
		command, kind, _ := b.subjects.ParseEvent(msg.Subject())
		batch.left = meta.NumPending
		batch.found = append(batch.found, header{
			sequence: meta.Sequence.Stream, command: command,
			first: events.FirstOfCommand(msg.Headers()), erased: kind == events.KindOf(events.StateErased),
		})
	}
	if err := messages.Error(); err != nil {
		return headerBatch{}, err
	}
	if len(batch.found) == 0 { // no answer: as an empty one it would pass for the end
		return headerBatch{}, errors.New("the stream does not answer")
	}
	return batch, nil
}
