package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// The headers of an atomic batch, from NATS' ADR-50; the client library has no
// call for one. The server takes at most 1000 messages in a batch, checks what
// each of them expects before it stores any, and forgets a batch that is not
// committed within ten seconds.
const (
	headerBatchID       = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"
)

// codeWrongSequence is JetStream's "wrong last sequence".
const codeWrongSequence jetstream.ErrorCode = 10071

// expect says which sequence the last message under filter must have.
func expect(header map[string][]string, filter string, sequence uint64) {
	header[jetstream.ExpectedLastSubjSeqSubjHeader] = []string{filter}
	header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(sequence, 10)}
}

// publishBatch publishes messages as one atomic batch and gives the stream
// sequence of the last.
func (b *Bus) publishBatch(ctx context.Context, stream string, msgs []*nats.Msg) (uint64, error) {
	id := nuid.Next() // of a try: what is left of an earlier one must not be added to
	for i, msg := range msgs {
		msg.Header[headerBatchID] = []string{id}
		msg.Header[headerBatchSequence] = []string{strconv.Itoa(i + 1)}
		if i == len(msgs)-1 {
			break
		}
		if err := b.nc.PublishMsg(msg); err != nil {
			return 0, fmt.Errorf("batch: %w", err)
		}
	}
	last := msgs[len(msgs)-1]
	last.Header[headerBatchCommit] = []string{"1"}
	last.Header[jetstream.ExpectedStreamHeader] = []string{stream}
	// A denial of its events too: they are under one tree, and without one the batch is
	// not.
	sequence, err := b.acknowledgement(ctx, last, b.subjects.AppendTree())
	if err != nil {
		return 0, fmt.Errorf("batch: %w", err)
	}
	return sequence, nil
}
