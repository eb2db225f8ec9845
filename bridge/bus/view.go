package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// readAhead is how many headers are asked for at once.
const readAhead = 4096

// delivered is what NATS gives to a consumer of the whole stream, and so the last
// word. It takes NATS seconds for a million events, and several hundred megabytes.
func (b *Bus) delivered(ctx context.Context, _ string, state jetstream.StreamState) (seen, error) {
	erased, err := b.erased(ctx)
	return seen{each: func(see func(uint64)) error { return b.eachSequence(ctx, state.FirstSeq, see) }, erased: erased}, err
}

// eachSequence calls see for every readable event from a sequence on.
func (b *Bus) eachSequence(ctx context.Context, from uint64, see func(uint64)) error {
	stream, err := b.js.Stream(ctx, b.subjects.EventStream())
	if err != nil {
		return err
	}
	consumer, err := b.reader(ctx, stream, nil, fromSequence(from), true, time.Minute)
	if err != nil {
		return err
	}
	for {
		messages, err := consumer.FetchNoWait(readAhead)
		if err != nil {
			return err
		}
		found := 0
		for msg := range messages.Messages() {
			meta, err := msg.Metadata()
			if err != nil {
				return err
			}
			see(meta.Sequence.Stream)
			found++
		}
		if err := messages.Error(); err != nil || found == 0 {
			return err
		}
	}
}

// files is what the files of the embedded server hold, each event with a good
// checksum. It is an error if that is not as much as the server says it has: then, or
// where they are in another form than is known here, it takes delivered to tell.
func (b *Bus) files(ctx context.Context, stream string, state jetstream.StreamState) (seen, error) {
	if b.server == nil {
		return seen{}, errors.New("the NATS server is another process")
	}
	held, err := b.server.contents(ctx, stream)
	if err != nil {
		return seen{}, err
	}
	var left [][2]uint64
	count := uint64(0)
	for _, s := range held.whole {
		from, to := max(s[0], state.FirstSeq), min(s[1], state.LastSeq)
		if from > to {
			continue
		}
		for _, s := range without(from, to, held.deleted) {
			left, count = append(left, s), count+s[1]-s[0]+1
		}
	}
	if count != state.Msgs {
		return seen{}, fmt.Errorf("the server has %d events, its files %d", state.Msgs, count)
	}
	erased, err := b.erasedAt(ctx, stream, held.marked)
	return seen{each: func(see func(uint64)) error {
		for _, s := range left {
			for seq := s[0]; seq <= s[1]; seq++ {
				see(seq)
			}
		}
		return nil
	}, erased: erased}, err
}

// erasedAt gives what the events at these sequences say was erased, in order.
func (b *Bus) erasedAt(ctx context.Context, stream string, marked []uint64) ([]uint64, error) {
	var list []uint64
	for _, seq := range marked {
		raw, err := b.leaderGet(ctx, stream, "", map[string]any{"seq": seq})
		if events.HasCode(err, events.CodeNotFound) {
			continue // it has left, with what it tells of
		}
		if err != nil {
			return nil, err
		}
		header, err := nats.DecodeHeadersMsg(raw.Header)
		if err != nil {
			continue // it explains nothing
		}
		list = append(list, erasedBy(seq, header, raw.Data)...)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}
