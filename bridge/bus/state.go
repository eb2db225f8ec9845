package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"devicebridge/events"
)

// maxState bounds the bucket of records that belong to the bridge itself, in
// bytes; each is a few kilobytes.
const maxState = 16 << 20

// stateStream is the stream under the key-value bucket of the bridge's own
// records, in the form in which the client libraries make and recognise one. Of
// each record only the latest is kept, for as long as the bridge is.
func stateStream(bucket string, o StreamOptions) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              "KV_" + bucket,
		Description:       "what the replicas of the bridge share beside commands: the sealed sign-in; internal",
		Subjects:          []string{"$KV." + bucket + ".>"},
		Retention:         jetstream.LimitsPolicy,
		Storage:           jetstream.FileStorage,
		Discard:           jetstream.DiscardNew,
		MaxMsgsPerSubject: 1,
		MaxBytes:          min(maxState, o.MaxBytes/4),
		Duplicates:        leastWindow,
		Replicas:          o.Replicas,
		AllowDirect:       true,
		AllowRollup:       true,
	}
}

// State gives a record of the bridge's own and its revision, as the leader of the
// bucket has them; nil and 0 where there is none. The error is an *events.Error
// with CodeUnavailable when the leader does not answer.
func (b *Bus) State(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	raw, err := b.stateMessage(ctx, key)
	if events.HasCode(err, events.CodeNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return raw.Data, raw.Sequence, nil
}

// PutState stores a record in the place of the one with the revision expected, 0
// where there is none, and gives its own. Errors: events.ErrLost when somebody
// else was first; *events.Error with CodeUnavailable when the bucket cannot be
// reached or has no room.
func (b *Bus) PutState(ctx context.Context, key string, value []byte, expected uint64) (revision uint64, err error) {
	writer := nuid.Next()
	msg := &nats.Msg{
		Subject: b.stateSubject(key), Data: value,
		Header: nats.Header{events.HeaderWriter: []string{writer}},
	}
	return b.store(ctx, write{
		stream: "KV_" + b.subjects.StateBucket(), filter: b.stateSubject(key), what: "the bucket " + b.subjects.StateBucket(),
		writer: writer, expected: expected,
		publish: func(ctx context.Context) (uint64, error) { return b.publishState(ctx, msg, expected) },
	})
}

func (b *Bus) publishState(ctx context.Context, msg *nats.Msg, expected uint64) (uint64, error) {
	ctx, cancel := b.permitted(ctx, msg.Subject)
	defer cancel()
	ack, err := b.js.PublishMsg(ctx, msg,
		jetstream.WithExpectStream("KV_"+b.subjects.StateBucket()), jetstream.WithExpectLastSequencePerSubject(expected))
	if err != nil {
		return 0, fmt.Errorf("put %s: %w", msg.Subject, why(ctx, err))
	}
	return ack.Sequence, nil
}

// lookAgain is how long after the word that a record is being written it is looked
// at once more: the word goes out with the publish, and may be here before the stream
// has stored it.
const lookAgain = 500 * time.Millisecond

// FollowState calls changed after a record may have changed: at once, when
// somebody writes it and shortly after that, after every reconnect, and every so
// often because a word may be missed. It returns when ctx ends.
func (b *Bus) FollowState(ctx context.Context, key string, every time.Duration, changed func(context.Context)) error {
	poke := make(chan struct{}, 1)
	sub, err := b.nc.Subscribe(b.stateSubject(key), func(*nats.Msg) {
		select {
		case poke <- struct{}{}:
		default: // one is on its way
		}
	})
	if err != nil {
		return fmt.Errorf("follow %s: %w", key, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	reconnected := b.nc.StatusChanged(nats.CONNECTED)
	defer b.nc.RemoveStatusListener(reconnected)
	wait := every
	for {
		changed(ctx)
		timer := time.NewTimer(wait)
		wait = every
		select {
		case <-poke:
			wait = min(every, lookAgain)
		case <-reconnected:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

func (b *Bus) stateMessage(ctx context.Context, key string) (*rawMessage, error) {
	return b.lastOf(ctx, "KV_"+b.subjects.StateBucket(), b.stateSubject(key))
}

func (b *Bus) stateSubject(key string) string { return "$KV." + b.subjects.StateBucket() + "." + key }
