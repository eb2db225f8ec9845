package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// Window bounds of Newest: it reads headers of ever larger stretches of the
// stream, newest first, and leaves the rest to the next page. The first one is for
// a page, at least of the fewest, of commands of so many events each; those of one
// device are among those of others.
const (
	eventsOfCommand = 8
	fewest          = 16
	firstOfDevice   = 1 << 10
	lastWindow      = 1 << 14
	lastOfDevice    = 1 << 16
	maxWindows      = 8
	// deviceBatch is how many headers of one device are fetched at once: they may be
	// far apart, and what is fetched from beyond a window is fetched in vain.
	deviceBatch = 128
)

// windows gives the size of the first stretch and of the largest.
func windows(deviceID string, limit int) (first, last uint64) {
	if deviceID != "" {
		return firstOfDevice, lastOfDevice
	}
	return uint64(max(limit, fewest) * eventsOfCommand), lastWindow
}

// Newest gives the commands first stored, or erased, before the stream sequence before (0:
// from the newest on), newest first, at most limit. next is where the following
// page starts; 0 says that there is nothing older. A page may be short or empty
// and still have a next, also because time is short. deviceID limits it to one device where not empty.
func (b *Bus) Newest(ctx context.Context, deviceID string, before uint64, limit int) (page []events.Created, next uint64, err error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	stream, err := b.js.Stream(ctx, b.subjects.EventStream())
	if err != nil {
		b.log.Debug("list: stream info failed", "error", err)
		return nil, 0, unavailable("the event stream does not answer", err)
	}
	state := stream.CachedInfo().State
	if before == 0 || before > state.LastSeq {
		before = state.LastSeq + 1
	}
	window, last := windows(deviceID, limit)
	looked := false
	for range maxWindows {
		low := state.FirstSeq
		if before > window && before-window > low {
			low = before - window
		}
		if low >= before || state.Msgs == 0 {
			return page, 0, nil
		}
		found, err := b.created(ctx, stream, deviceID, low, before)
		if err != nil && looked && errors.Is(err, context.DeadlineExceeded) {
			return page, before, nil // the rest is for the next page too where time is short
		}
		if err != nil {
			return nil, 0, err
		}
		looked = true
		for _, c := range slices.Backward(found) {
			if page = append(page, c); len(page) == limit {
				return page, c.Sequence, nil
			}
		}
		before, window = low, min(window*4, last)
	}
	return page, before, nil
}

// created gives the first events, and the last of erased commands, in [low, high), oldest first.
func (b *Bus) created(ctx context.Context, stream jetstream.Stream, deviceID string, low, high uint64) (found []events.Created, err error) {
	for from := low; from < high; {
		most := uint64(batchSize)
		if deviceID != "" {
			most = deviceBatch
		}
		most = min(most, high-from)
		batch, err := b.headers(ctx, stream, deviceID, fromSequence(from), most)
		if err != nil {
			return nil, fmt.Errorf("list from sequence %d: %w", from, err)
		}
		for _, h := range batch.found {
			if h.sequence < high && (h.first || h.erased) {
				found = append(found, events.Created{Command: h.command, Sequence: h.sequence})
			}
		}
		if batch.left == 0 {
			break
		}
		from = batch.last() + 1
	}
	return found, nil
}
