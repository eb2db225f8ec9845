package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// event is one event of the stream as an outside subscriber reads it.
type event struct {
	Sequence uint64 // of the stream
	At       time.Time
	ID       string // ce-id
	Kind     events.Kind
	Command  events.Command
}

// follow reads the event stream from its beginning and goes on until see gives
// false or an error, or ctx ends, which is an error.
func (r *rig) follow(ctx context.Context, see func(event) (bool, error)) error {
	consumer, err := r.js.OrderedConsumer(ctx, r.subjects.EventStream(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		return fmt.Errorf("read the event stream: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read the event stream: %w", err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read the event stream: %w", err)
		}
		e, err := readEvent(msg)
		if err != nil {
			return err
		}
		if more, err := see(e); err != nil || !more {
			return err
		}
	}
}

func readEvent(msg jetstream.Msg) (event, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return event{}, err
	}
	e := event{Sequence: meta.Sequence.Stream, At: meta.Timestamp, ID: events.HeaderValue(msg.Headers(), "ce-id")}
	if err := json.Unmarshal(msg.Data(), &e.Command); err != nil {
		return event{}, fmt.Errorf("event %s: %w", e.ID, err)
	}
	command, kind, ok := new(events.Subjects).ParseEvent(msg.Subject())
	if !ok || command != e.Command.ID {
		return event{}, fmt.Errorf("event %s of command %s is stored under %s", e.ID, e.Command.ID, msg.Subject())
	}
	e.Kind = kind
	return e, nil
}

// record reads every event stored so far.
func (r *rig) record(ctx context.Context) ([]event, error) {
	state, err := r.streamState(ctx, r.subjects.EventStream())
	if err != nil || state.Msgs == 0 {
		return nil, err
	}
	var list []event
	err = r.follow(ctx, func(e event) (bool, error) {
		list = append(list, e)
		return e.Sequence < state.LastSeq, nil
	})
	return list, err
}

func (r *rig) streamState(ctx context.Context, name string) (jetstream.StreamState, error) {
	for {
		// What is asked while there is no leader is never answered.
		try, cancel := context.WithTimeout(ctx, tryFor)
		stream, err := r.js.Stream(try, name)
		cancel()
		if err == nil {
			return stream.CachedInfo().State, nil
		}
		if errors.Is(err, jetstream.ErrStreamNotFound) || !pace(ctx, tryEvery) {
			return jetstream.StreamState{}, fmt.Errorf("look at stream %s: %w", name, err)
		}
	}
}
