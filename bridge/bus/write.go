package bus

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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
	// writeTries bounds the publishes of one write under one nonce.
	writeTries = 5
	writePause = 20 * time.Millisecond
)

// write is something to be stored as the next of what a filter covers, under a
// nonce that its message carries in every try.
type write struct {
	stream, filter string
	// what names the stream to the caller: "the event stream".
	what     string
	writer   string
	expected uint64
	// publish tries it once and gives the stream sequence.
	publish func(context.Context) (uint64, error)
	// nothing is told why a try failed of which the leader says that it stored
	// nothing; an error from it ends the write. It may be nil.
	nothing func(error) error
}

// store tries a write until it is known what became of it, and gives its stream
// sequence. Errors: events.ErrLost when it is not proven to be stored as the next;
// *events.Error as Append says.
func (b *Bus) store(ctx context.Context, w write) (uint64, error) {
	var last error
	for try := range writeTries {
		seq, err := w.publish(ctx)
		if err == nil {
			return seq, nil
		}
		if refusal := refusal(err, w.what); refusal != nil {
			return 0, refusal
		}
		// The answer was lost, or says that the sequence is another: mine may be the
		// one that moved it. Only the leader knows.
		switch seq, err := b.proof(ctx, w); {
		case err != nil:
			return 0, err
		case seq != 0:
			return seq, nil
		}
		if w.nothing != nil {
			if err := w.nothing(err); err != nil {
				return 0, err
			}
		}
		if denied, is := errors.AsType[*deniedError](err); is {
			return 0, events.Unavailable(w.what + " does not take it: " + denied.Error())
		}
		last = err
		if err := pause(ctx, writePause<<try); err != nil {
			return 0, unavailable(w.what+" did not confirm in time", last)
		}
	}
	return 0, unavailable(w.what+" did not confirm", last)
}

// proof asks the leader whether this write was stored. It gives the sequence
// if so, 0 and no error if nothing was stored since, and ErrLost otherwise: a
// message after mine may hide mine, but then somebody else acts on it already.
func (b *Bus) proof(ctx context.Context, w write) (uint64, error) {
	last, err := b.lastOf(ctx, w.stream, w.filter)
	switch {
	case events.HasCode(err, events.CodeNotFound):
		if w.expected == 0 {
			return 0, nil
		}
		return 0, events.ErrLost
	case err != nil:
		return 0, err
	case writerOf(last) == w.writer, last.Sequence != w.expected && crash.Without(crash.NonceProof):
		return last.Sequence, nil
	case last.Sequence != w.expected:
		return 0, events.ErrLost
	default:
		return 0, nil
	}
}

// refusal gives the error for answers that say surely that nothing was stored
// and that trying again now is of no use, and where nothing can be proven; nil for any
// other.
func refusal(err error, what string) error {
	tooLarge := &events.Error{Code: events.CodeTooLarge, Message: what + " takes no message of this size"}
	if errors.Is(err, nats.ErrMaxPayload) {
		return tooLarge
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	switch {
	case ok && api.ErrorCode == codeMessageTooLarge:
		return tooLarge
	case noRoom(err):
		return events.Unavailable(what + " has no room" + because(api) + "; ask again later")
	case errors.Is(err, errBatchOpen):
		return unavailable(what+" did not confirm in time", err)
	default:
		return nil
	}
}

// noRoom reports whether the server stored nothing for want of room.
func noRoom(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && slices.Contains([]jetstream.ErrorCode{codeAccountFull, codeNoResources, codeStoreFailed}, api.ErrorCode)
}

// writerOf gives the nonce of who stored a message; empty where it cannot be read.
func writerOf(raw *rawMessage) string {
	header, err := nats.DecodeHeadersMsg(raw.Header)
	if err != nil && !errors.Is(err, nats.ErrBadHeaderMsg) {
		return ""
	}
	return events.HeaderValue(header, events.HeaderWriter)
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
