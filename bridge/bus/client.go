package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// Request asks an endpoint of the bridge, such as "commands.get", and reads the
// answer into reply. A refusal comes back as *events.Error. wait, if not zero,
// is sent as Bridge-Wait, and lengthens the time-out.
func (b *Bus) Request(ctx context.Context, endpoint string, request, reply any, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout+wait)
	defer cancel()
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("%s: %w", endpoint, err)
	}
	msg := &nats.Msg{Subject: b.subjects.Service(endpoint), Data: body, Header: nats.Header{}}
	if wait > 0 {
		msg.Header.Set(events.HeaderWait, wait.String())
	}
	ctx, end := b.heeding(ctx, msg.Subject)
	defer end()
	answer, err := b.nc.RequestMsgWithContext(ctx, msg)
	if err != nil && b.forbids(ctx) != nil {
		return b.forbids(ctx)
	}
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return b.noBridge("no bridge answers on " + msg.Subject)
	case errors.Is(err, nats.ErrMaxPayload):
		return &events.Error{Code: events.CodeTooLarge, Message: "the request is larger than a NATS message may be"}
	case errors.Is(err, context.DeadlineExceeded):
		return events.Unavailable("the bridge did not answer in time; the request may have been taken all the same: ask again under the same request id")
	case err != nil:
		return fmt.Errorf("%s: %w", endpoint, err)
	}
	if answer.Header.Get("Nats-Service-Error-Code") != "" {
		var refused events.ErrorReply
		if err := json.Unmarshal(answer.Data, &refused); err != nil || refused.Error == nil {
			return fmt.Errorf("%s: %s", endpoint, answer.Header.Get("Nats-Service-Error"))
		}
		return refused.Error
	}
	if stream := fromJetStream(answer.Data); stream != "" {
		return events.Unavailable("JetStream answered in the place of the bridge: the stream " + stream + " listens on " + msg.Subject +
			"; take the subject out of it. The bridge may have taken the request all the same: ask again then, under the same request id")
	}
	if err := json.Unmarshal(answer.Data, reply); err != nil {
		return fmt.Errorf("%s: the reply is not as expected: %w", endpoint, err)
	}
	if withoutCommand(reply) {
		return fmt.Errorf("%s: the reply holds no command: something else than the bridge answers on %s, such as JetStream for a stream that listens there", endpoint, msg.Subject)
	}
	return nil
}

// withoutCommand reports whether a reply that always holds a command holds none.
func withoutCommand(reply any) bool {
	switch r := reply.(type) {
	case *events.Receipt:
		return r.Command.ID == ""
	case *events.CommandReply:
		return r.Command.ID == ""
	case *events.EraseReply:
		return r.Command.ID == ""
	default:
		return false
	}
}

// noBridge says what was not found and what may be the reason.
func (b *Bus) noBridge(what string) error {
	return events.Unavailable(what + "; is `devicebridge serve` running on this NATS, with the subject prefix " + b.subjects.Prefix() + "?")
}

// Enqueue publishes a request to the intake stream and gives its sequence there.
func (b *Bus) Enqueue(ctx context.Context, request events.Request) (uint64, error) {
	ctx, cancel := b.permitted(ctx, b.subjects.Intake())
	defer cancel()
	body, err := json.Marshal(request)
	if err != nil {
		return 0, fmt.Errorf("intake: %w", err)
	}
	ack, err := b.js.Publish(ctx, b.subjects.Intake(), body, jetstream.WithExpectStream(b.subjects.IntakeStream()))
	if err != nil && b.forbids(ctx) != nil {
		return 0, b.forbids(ctx)
	}
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return 0, &events.Error{Code: events.CodeTooLarge, Message: "the request is larger than a NATS message may be"}
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return 0, b.noBridge("no stream takes requests on " + b.subjects.Intake())
	case err != nil:
		return 0, fmt.Errorf("intake: %w", err)
	}
	return ack.Sequence, nil
}

// FollowOptions choose the events to follow; the zero value follows every event
// from now on.
type FollowOptions struct {
	// Filter is a subject filter below the events tree; empty: every event.
	Filter string
	// Since starts at the first event stored at or after it.
	Since time.Time
	// All starts at the oldest event kept.
	All bool
	// Unreadable is called for each message that is no event of a bridge, and may end the
	// following by an error. Nil: the first of them ends it.
	Unreadable func(error) error
	// Latest stops at the newest event stored when it began, instead of waiting
	// for more.
	Latest bool
}

// Follow calls see for each event in the order of the stream, from the past as
// Options say and then live, until ctx ends, see gives an error, or, with
// Latest, the past is through. It is exact across reconnects.
func (b *Bus) Follow(ctx context.Context, o FollowOptions, see func(events.Stored) error) error {
	if o.Filter == "" {
		o.Filter = b.subjects.EventTree()
	}
	create, cancel := b.permitted(ctx, "$JS.API.>")
	defer cancel()
	stream, err := b.js.Stream(create, b.subjects.EventStream())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return b.noBridge("there is no stream " + b.subjects.EventStream())
	}
	if err != nil {
		return cmp.Or(b.forbids(create), fmt.Errorf("follow %s: %w", o.Filter, err))
	}
	config := jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{o.Filter},
		// From now on by number: a consumer that is made anew before it saw an event
		// would take another now.
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       stream.CachedInfo().State.LastSeq + 1,
		InactiveThreshold: time.Minute,
	}
	switch {
	case o.All:
		config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverAllPolicy, 0
	case !o.Since.IsZero():
		config.DeliverPolicy, config.OptStartSeq, config.OptStartTime = jetstream.DeliverByStartTimePolicy, 0, &o.Since
	}
	consumer, err := stream.OrderedConsumer(create, config)
	if err != nil {
		return cmp.Or(b.forbids(create), fmt.Errorf("follow %s: %w", o.Filter, err))
	}
	info, err := consumer.Info(create)
	if err != nil {
		return fmt.Errorf("follow %s: %w", o.Filter, err)
	}
	past := info.NumPending
	if o.Latest && past == 0 {
		return nil
	}
	messages, err := consumer.Messages(jetstream.PullHeartbeat(quiet))
	if err != nil {
		return fmt.Errorf("follow %s: %w", o.Filter, err)
	}
	defer messages.Stop()
	stop := context.AfterFunc(ctx, messages.Stop)
	defer stop()
	for {
		msg, err := messages.Next()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow %s: %w", o.Filter, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("follow %s: %w", o.Filter, err)
		}
		event, err := stored(meta.Sequence.Stream, msg.Subject(), msg.Headers(), msg.Data())
		switch {
		case err == nil:
			err = see(event)
		case o.Unreadable != nil:
			err = o.Unreadable(err)
		}
		if err != nil {
			return err
		}
		past--
		// Or earlier, where some of the past left the stream meanwhile.
		if o.Latest && (past == 0 || meta.NumPending == 0) {
			return nil
		}
	}
}
