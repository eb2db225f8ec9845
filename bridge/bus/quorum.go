package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// neverStored is a sequence that no stream reaches. To delete it changes nothing, but
// in a cluster the leader answers only when a majority of the stream's servers has
// agreed.
const neverStored = uint64(1) << 62

// JetStream's error codes for such a deletion.
const (
	codeDeleteFailed     jetstream.ErrorCode = 10057
	codeSequenceNotFound jetstream.ErrorCode = 10043
)

// deleteNotPermitted is what the server says of a stream with deny_delete, under
// codeDeleteFailed too.
const deleteNotPermitted = "message delete not permitted"

// quorum finds out whether the leader of a stream leads: one that is cut off from the
// others answers reads for some seconds, with what it had.
type quorum struct {
	// clustered is 0 as long as it is not known whether the stream is on several
	// servers, 1 if it is not and 2 if it is.
	clustered atomic.Int32
	// turn is held by the one question that is under way.
	turn chan struct{}

	mu   sync.Mutex
	next *confirmation // the question after that; nil: nobody waits for one
}

// confirmation is one question, for all that asked before it was sent.
type confirmation struct {
	done chan struct{}
	err  error
}

func newQuorum() *quorum { return &quorum{turn: make(chan struct{}, 1)} }

// note keeps whether the stream is on several servers.
func (q *quorum) note(info *jetstream.StreamInfo) {
	several := int32(1)
	if info.Cluster != nil && info.Cluster.Name != "" && info.Config.Replicas > 1 {
		several = 2
	}
	q.clustered.Store(several)
}

// Confirm returns once a majority of the servers that hold the event stream has
// confirmed, after this call began, who leads it. asked is false where one server
// holds it: what that reads is what there is. The error is an *events.Error with
// CodeUnavailable.
func (b *Bus) Confirm(ctx context.Context) (asked bool, err error) {
	return b.confirm(ctx, b.subjects.EventStream())
}

func (b *Bus) confirm(ctx context.Context, stream string) (asked bool, err error) {
	q := b.quorumOf(stream)
	if q.clustered.Load() == 0 {
		info, err := b.streamInfo(ctx, stream)
		if err != nil {
			return false, events.Unavailable("it cannot be known whether stream " + stream + " is read where it is led: " + err.Error())
		}
		q.note(info)
	}
	if q.clustered.Load() == 1 {
		return false, nil
	}
	q.mu.Lock()
	c, first := q.next, q.next == nil
	if first {
		c = &confirmation{done: make(chan struct{})}
		q.next = c
	}
	q.mu.Unlock()
	if !first {
		select {
		case <-c.done:
			return true, c.err
		case <-ctx.Done():
			return true, events.Unavailable("stream " + stream + " did not confirm in time; ask again")
		}
	}
	c.err = q.ask(ctx, func() error { return b.askQuorum(ctx, stream) })
	close(c.done)
	return true, c.err
}

// ask waits for its turn and asks. Those that come from then on need another question.
func (q *quorum) ask(ctx context.Context, ask func() error) error {
	var waited error
	select {
	case q.turn <- struct{}{}:
		defer func() { <-q.turn }()
	case <-ctx.Done():
		waited = events.Unavailable("the stream did not confirm in time; ask again")
	}
	q.mu.Lock()
	q.next = nil
	q.mu.Unlock()
	if waited != nil {
		return waited
	}
	return ask()
}

// askQuorum has the leader of a stream agree with the others on something that changes
// nothing.
func (b *Bus) askQuorum(ctx context.Context, stream string) error {
	api := apiPrefix + "STREAM.MSG.DELETE." + stream
	ctx, cancel := b.permitted(ctx, api)
	defer cancel()
	request := fmt.Appendf(nil, `{"seq":%d,"no_erase":true}`, neverStored)
	reply, err := b.nc.RequestWithContext(ctx, api, request)
	if err != nil {
		return events.Unavailable("a majority of the servers of stream " + stream + " did not confirm that it is read where it is led: " + why(ctx, err).Error())
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return fmt.Errorf("ask the servers of stream %s: %w", stream, err)
	}
	switch e := answer.Error; {
	case e == nil:
		return errors.New("the servers of stream " + stream + " deleted what was never stored")
	case e.ErrorCode == codeSequenceNotFound, e.ErrorCode == codeDeleteFailed && e.Description != deleteNotPermitted:
		return nil
	default:
		return events.Unavailable("the servers of stream " + stream + " do not confirm that it is read where it is led: " + e.Description)
	}
}

// confirmed turns what a read from a stream's leader says, if that is that there is
// nothing, into what a majority confirms: read is repeated after it has.
func confirmed[T any](ctx context.Context, b *Bus, stream string, read func() (T, error)) (T, error) {
	found, err := read()
	if !events.HasCode(err, events.CodeNotFound) {
		return found, err
	}
	switch asked, unsure := b.confirm(ctx, stream); {
	case unsure != nil:
		return found, unsure
	case !asked:
		return found, err
	}
	return read()
}

// quorumOf returns the quorum of a stream of which it is asked: that of events, or that
// of payloads.
func (b *Bus) quorumOf(stream string) *quorum {
	if stream == b.subjects.EventStream() {
		return b.quorums[0]
	}
	return b.quorums[1]
}
