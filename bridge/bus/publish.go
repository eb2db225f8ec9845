package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxUnacknowledged is how many publishes may wait for their acknowledgement at once.
// It is more than there are requests and postbacks under way: who would be one too
// many is told that the stream does not answer.
const maxUnacknowledged = 1 << 16

// acknowledgement publishes a message to a stream and gives its sequence there once
// the server has stored it. A request of the client would do the same, but takes a
// context and a flush of its own for each; so many at once share a write.
//
// covers is the subject of which a denial concerns it; it may end in ">". The error is
// context.DeadlineExceeded where the bus' time-out, or that of ctx, has passed, and a
// *deniedError where the server does not permit it.
func (b *Bus) acknowledgement(ctx context.Context, msg *nats.Msg, covers string) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err // nothing that nobody waits for is published
	}
	told := make(chan error, 1)
	w := &waiting{covers, func(err error) {
		select {
		case told <- err:
		default: // once is enough
		}
	}}
	b.denials.add(w)
	defer b.denials.remove(w)
	future, err := b.js.PublishMsgAsync(msg)
	if err != nil {
		return 0, err
	}
	select {
	case ack := <-future.Ok():
		return ack.Sequence, nil
	case err := <-future.Err():
		if errors.Is(err, jetstream.ErrAsyncPublishTimeout) {
			err = fmt.Errorf("no acknowledgement: %w", context.DeadlineExceeded)
		}
		return 0, err
	case err := <-told:
		return 0, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
