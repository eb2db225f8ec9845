package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"devicebridge/events"
)

// Append stores the event that carries c as the next one of its command and
// gives its stream sequence. expected is the stream sequence of the command's
// latest event, 0 only for its first.
//
// Errors: events.ErrLost when the event is not proven to be stored as the next
// one; *events.Error with CodeUnavailable when the stream cannot be reached, has
// no room or is not as declared (see Watch), with CodeTooLarge when the event
// does not fit a message.
func (b *Bus) Append(ctx context.Context, kind events.Kind, c events.Command, expected uint64) (uint64, error) {
	begin := time.Now()
	seq, err := b.append(ctx, kind, c, expected)
	b.hooks.Appended(appendResult(err), time.Since(begin))
	return seq, err
}

func (b *Bus) append(ctx context.Context, kind events.Kind, c events.Command, expected uint64) (uint64, error) {
	if why := b.watched.barred.Load(); why != nil {
		return 0, events.Unavailable(*why)
	}
	if err := b.doubted(); err != nil {
		return 0, err
	}
	header, body, err := b.subjects.Encode(kind, c)
	if err != nil {
		return 0, err
	}
	b.inject(ctx, header)
	writer := nuid.Next()
	header[events.HeaderWriter] = []string{writer}
	header[jetstream.ExpectedStreamHeader] = []string{b.subjects.EventStream()}
	expect(header, b.subjects.CommandFilter(c.ID), expected)
	msg := &nats.Msg{Subject: b.subjects.Append(c.ID, c.DeviceID, kind), Header: header, Data: body}
	return b.store(ctx, write{
		stream: b.subjects.EventStream(), filter: b.subjects.CommandFilter(c.ID), what: "the event stream",
		writer: writer, expected: expected,
		publish: func(ctx context.Context) (uint64, error) {
			if b.group == nil {
				return b.publishAlone(ctx, msg)
			}
			return b.group.publish(ctx, newEntry(msg, c.ID, expected))
		},
		nothing: func(err error) error {
			// A refusal that is of this append alone comes from another event of its command.
			api, is := errors.AsType[*jetstream.APIError](err)
			if ctx.Err() == nil && !errors.Is(err, errOvertaken) && (!is || api.ErrorCode != codeWrongSequence) {
				b.watched.unconfirmed(err.Error())
			}
			return nil
		},
	})
}

// publishAlone publishes an event once, as an append of its own.
func (b *Bus) publishAlone(ctx context.Context, msg *nats.Msg) (uint64, error) {
	seq, err := b.acknowledgement(ctx, msg, msg.Subject)
	if err != nil {
		if noRoom(err) {
			b.watched.lacked()
		}
		return 0, fmt.Errorf("append: %w", err)
	}
	b.stored(seq)
	return seq, nil
}

// stored takes note of an acknowledgement.
func (b *Bus) stored(seq uint64) {
	b.watched.confirmed()
	b.acknowledged(seq)
}

// acknowledged notes the highest sequence that was, see Witness.
func (b *Bus) acknowledged(seq uint64) {
	for {
		last := b.acked.Load()
		if seq <= last || b.acked.CompareAndSwap(last, seq) {
			return
		}
	}
}
