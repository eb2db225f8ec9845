package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"devicebridge/bridge/crash"
	"devicebridge/events"
)

// JetStream error codes that the client library has no names for; from the
// server's list of errors.
const (
	codeAccountFull     jetstream.ErrorCode = 10002
	codeNoResources     jetstream.ErrorCode = 10023
	codeMessageTooLarge jetstream.ErrorCode = 10054
	codeStoreFailed     jetstream.ErrorCode = 10077
)

const (
	// appendTries bounds the publishes of one append under one nonce.
	appendTries = 5
	appendPause = 20 * time.Millisecond
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
	if why := b.watched.barred.Load(); why != nil {
		return 0, events.Unavailable(*why)
	}
	header, body, err := b.subjects.Encode(kind, c)
	if err != nil {
		return 0, err
	}
	writer := nuid.Next()
	header[events.HeaderWriter] = []string{writer}
	msg := &nats.Msg{Subject: b.subjects.Append(c.ID, c.DeviceID, kind), Header: header, Data: body}
	for try := range appendTries {
		seq, err := b.publish(ctx, msg, c.ID, expected)
		if err == nil {
			b.watched.confirmed()
			b.acknowledged(seq)
			return seq, nil
		}
		if refusal := refusal(err); refusal != nil {
			return 0, refusal
		}
		silent := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
		// The answer was lost, or says that the sequence is another: mine may be the
		// one that moved it. Only the leader knows.
		switch seq, err := b.proof(ctx, c.ID, writer, expected); {
		case err != nil:
			return 0, err
		case seq != 0:
			return seq, nil
		case silent:
			b.watched.unconfirmed()
		}
		if err := pause(ctx, appendPause<<try); err != nil {
			return 0, events.Unavailable("the event stream did not confirm in time; ask again")
		}
	}
	return 0, events.Unavailable("the event stream did not confirm; ask again")
}

func (b *Bus) publish(ctx context.Context, msg *nats.Msg, command string, expected uint64) (uint64, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	ack, err := b.js.PublishMsg(ctx, msg,
		jetstream.WithExpectStream(b.subjects.EventStream()),
		jetstream.WithExpectLastSequenceForSubject(expected, b.subjects.CommandFilter(command)))
	if err != nil {
		return 0, fmt.Errorf("append: %w", err)
	}
	return ack.Sequence, nil
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

// proof asks the leader whether this append was stored. It gives the sequence
// if so, 0 and no error if nothing was stored since, and ErrLost otherwise: an
// event after mine may hide mine, but then somebody else acts on it already.
func (b *Bus) proof(ctx context.Context, command, writer string, expected uint64) (uint64, error) {
	last, err := b.Latest(ctx, command)
	switch {
	case events.HasCode(err, events.CodeNotFound):
		if expected == 0 {
			return 0, nil
		}
		return 0, events.ErrLost
	case err != nil:
		return 0, err
	case last.Writer == writer, last.Sequence != expected && crash.Without(crash.NonceProof):
		return last.Sequence, nil
	case last.Sequence != expected:
		return 0, events.ErrLost
	default:
		return 0, nil
	}
}

// refusal gives the error for answers that say surely that nothing was stored
// and that trying again now is of no use; nil for any other.
func refusal(err error) error {
	if errors.Is(err, nats.ErrMaxPayload) {
		return &events.Error{Code: events.CodeTooLarge, Message: "the event does not fit a NATS message"}
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return nil
	}
	switch api.ErrorCode {
	case codeMessageTooLarge:
		return &events.Error{Code: events.CodeTooLarge, Message: "the event does not fit a message of the stream"}
	case codeAccountFull, codeNoResources, codeStoreFailed:
		return events.Unavailable("the event stream has no room; ask again later")
	default:
		return nil
	}
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
