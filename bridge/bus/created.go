package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// EachOpen calls see for every command that was accepted or registered at or after
// since and, as far as its events tell, has not ended, and for every erased one,
// oldest first, up to the newest of the moment it began. at is when it was, by the
// clock of the stream.
//
// It reads the stream once, in its order: to ask for the latest event of each
// command takes several times as long. Of the embedded server it reads the files, as
// far as they go: to read events has the server build an index of every file that
// they are in, which it then keeps in memory for minutes.
func (b *Bus) EachOpen(ctx context.Context, since time.Time, see func(command string, at time.Time, erased bool) error) error {
	stream, err := b.eventStream(ctx)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	info, from := stream.CachedInfo(), fromTime(since)
	open := newOpenCommands(b.subjects, info.State.LastSeq)
	if b.server != nil && !open.fromFiles(ctx, b.server, info.Config.Name, since) {
		open = newOpenCommands(b.subjects, info.State.LastSeq)
	}
	if open.last > 0 {
		from = fromSequence(open.last + 1)
	}
	for more := open.last < open.newest; more; {
		if more, err = b.readOpen(ctx, stream, from, open); err != nil && !errors.Is(err, errCutOff) {
			return fmt.Errorf("sweep: %w", err)
		}
		from = fromSequence(open.last + 1)
	}
	for _, command := range open.list() {
		by := open.found[command]
		if err := see(command, time.Unix(0, by.at), by.erased); err != nil {
			return err
		}
	}
	return nil
}

// errCutOff says that a consumer gave something and then no more.
var errCutOff = errors.New("cut off")

// sweepIdle is how long a consumer waits between two batches of a sweep.
const sweepIdle = 30 * time.Second

// sweepMemory bounds what a sweep has in hand of events of the usual size, in bytes.
const sweepMemory = 4 << 20

// sweepBatch is how many events of a stream are fetched at once.
func sweepBatch(s jetstream.StreamState) uint64 {
	usual := s.Bytes / max(s.Msgs, 1)
	return min(max(sweepMemory/max(usual, 1), 1), batchSize)
}

// readOpen reads on from a position to the end, and reports whether it has to be
// gone on with another consumer. An error without progress is final.
func (b *Bus) readOpen(ctx context.Context, stream jetstream.Stream, from position, open *openCommands) (more bool, err error) {
	making, cancel := b.bounded(ctx)
	defer cancel()
	consumer, err := b.reader(making, stream, nil, from, false, sweepIdle)
	if err != nil {
		return false, err
	}
	began := open.last
	left := consumer.CachedInfo().NumPending
	most := sweepBatch(stream.CachedInfo().State)
	for next := uint64(1); left > 0 && open.last < open.newest; {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		fetching, cancel := b.bounded(ctx)
		gap := false
		err := b.fetch(fetching, consumer, int(min(left, most)), func(msg jetstream.Msg, meta *jetstream.MsgMetadata) { //nolint:gosec // at most batchSize
			// What went missing on the way is read again, by a consumer that begins there.
			if gap = gap || meta.Sequence.Consumer != next; gap {
				return
			}
			next, left = next+1, meta.NumPending
			open.take(meta.Sequence.Stream, meta.Timestamp.UnixNano(), msg.Subject(), msg.Data())
		})
		cancel()
		switch {
		case err == nil && !gap:
		case open.last > began:
			return true, errCutOff
		case err != nil:
			return false, err
		default:
			return false, errors.New("the first event did not arrive")
		}
	}
	return false, nil
}

// eventStream looks at the event stream.
func (b *Bus) eventStream(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	return b.js.Stream(ctx, b.subjects.EventStream())
}
