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

// headers reads the next headers, at most so many, of one device where deviceID is
// not empty; left is 0 where nothing is found.
//
// There is no filter on the kind: for a consumer with one the server goes through
// every subject there is, which is one for each event stored, and with several
// filters it takes a fifth of a second for a million. What one filter on the device
// costs is a tenth of that, and less near the end of the stream.
func (b *Bus) headers(ctx context.Context, stream jetstream.Stream, deviceID string, from position, most uint64) (headerBatch, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	var filters []string
	if deviceID != "" {
		filters = []string{b.subjects.DeviceFilter(deviceID)}
	}
	// The consumer serves this one call.
	consumer, err := b.reader(ctx, stream, filters, from, true, 5*time.Second)
	if err != nil {
		return headerBatch{}, err
	}
	pending := consumer.CachedInfo().NumPending
	if pending == 0 {
		return headerBatch{}, nil
	}
	var batch headerBatch
	most = min(most, pending, batchSize)
	err = b.fetch(ctx, consumer, int(most), func(msg jetstream.Msg, meta *jetstream.MsgMetadata) {
		command, kind, _ := b.subjects.ParseEvent(msg.Subject())
		batch.left = meta.NumPending
		batch.found = append(batch.found, header{
			sequence: meta.Sequence.Stream, command: command,
			first: events.FirstOfCommand(msg.Headers()), erased: kind == events.KindOf(events.StateErased),
		})
	})
	return batch, err
}

// reader makes a consumer that reads and acknowledges nothing. The library's
// ordered consumer makes one for each fetch as well, but tries for ever, whatever
// becomes of ctx.
func (b *Bus) reader(ctx context.Context, stream jetstream.Stream, filters []string, from position, headersOnly bool, idle time.Duration) (jetstream.Consumer, error) {
	return stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubjects:    filters,
		DeliverPolicy:     from.policy,
		OptStartSeq:       from.sequence,
		OptStartTime:      from.time,
		AckPolicy:         jetstream.AckNonePolicy,
		HeadersOnly:       headersOnly,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: idle,
	})
}

// fetchTries bounds how often a new consumer is asked.
const fetchTries = 4

// fetch gives what the consumer has now, at most so many. The error says that it
// was cut off, or that nothing came at all.
func (b *Bus) fetch(ctx context.Context, consumer jetstream.Consumer, most int, see func(jetstream.Msg, *jetstream.MsgMetadata)) error {
	err := fetchOnce(consumer, most, see)
	// In a cluster the consumer may be known to its leader before the server that
	// this connection is on.
	for try := 0; errors.Is(err, nats.ErrNoResponders) && try < fetchTries; try++ {
		if pause(ctx, writePause<<try) != nil {
			break
		}
		err = fetchOnce(consumer, most, see)
	}
	return err
}

func fetchOnce(consumer jetstream.Consumer, most int, see func(jetstream.Msg, *jetstream.MsgMetadata)) error {
	messages, err := consumer.FetchNoWait(most)
	if err != nil {
		return err
	}
	count := 0
	for msg := range messages.Messages() {
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		see(msg, meta)
		count++
	}
	if err := messages.Error(); err != nil {
		return err
	}
	if count == 0 { // no answer: as an empty one it would pass for the end
		return errors.New("the stream does not answer")
	}
	return nil
}
