package bus

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// errBatchOpen says that a batch has no answer. If the server broke off in its midst
// for an error of its own, what it had stored by then can be read, but is not synced: to
// read it back proves nothing here.
var errBatchOpen = errors.New("a batch has no answer")

// eventPublisher is the event stream as a group has it.
type eventPublisher struct{ b *Bus }

func (p eventPublisher) alone(ctx context.Context, e *entry) (uint64, error) {
	return p.b.publishAlone(ctx, e.msg)
}

// together publishes an atomic batch. The bus' own time-out counts for it, not that of
// one of those who wait.
func (p eventPublisher) together(batch []*entry) (uint64, error) {
	msgs := make([]*nats.Msg, 0, len(batch))
	for _, e := range batch {
		// It may have to go alone yet.
		msgs = append(msgs, &nats.Msg{Subject: e.msg.Subject, Header: maps.Clone(e.msg.Header), Data: e.msg.Data})
	}
	last, err := p.b.publishBatch(context.Background(), p.b.subjects.EventStream(), msgs)
	if _, refused := errors.AsType[*jetstream.APIError](err); err != nil && !refused {
		return 0, errors.Join(errBatchOpen, err)
	}
	if err != nil {
		return 0, err
	}
	p.b.stored(last)
	return last - uint64(len(batch)) + 1, nil
}

// culprit finds out whose append a batch was refused for: the server tells the last
// sequence of its command, and the message there names the command.
func (p eventPublisher) culprit(err error) (command string, refused bool) {
	api, refused := errors.AsType[*jetstream.APIError](err)
	if !refused || api.ErrorCode != codeWrongSequence {
		return "", refused
	}
	found := regexp.MustCompile(`wrong last sequence: ([1-9][0-9]*)`).FindStringSubmatch(api.Description)
	if found == nil {
		return "", true // none of its events is there any more
	}
	sequence, _ := strconv.ParseUint(found[1], 10, 64) // what is too long is not found
	stream := p.b.subjects.EventStream()
	raw, err := p.b.leaderGet(context.Background(), stream, stream, map[string]any{"seq": sequence})
	if err != nil {
		return "", true
	}
	command, _, _ = p.b.subjects.ParseEvent(raw.Subject)
	return command, true
}
