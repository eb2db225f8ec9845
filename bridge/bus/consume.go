package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Delivery is one message of a durable consumer.
type Delivery struct {
	Subject string
	Header  map[string][]string
	Data    []byte
	// Sequence is the message's sequence in its stream. With the stream's creation
	// time it names the message for good, even if the stream is made anew.
	Sequence      uint64
	StreamCreated time.Time
	// Sent is when the server stored the message, by the server's clock.
	Sent time.Time
	// Delivered counts the deliveries of this message, 1 for the first. From 2 on
	// the acknowledgement time of an earlier one has passed without a sign of life,
	// or it asked to be delivered again.
	Delivered uint64
	// InProgress starts the acknowledgement time anew, which also happens by itself
	// while the handler runs. An error says that no sign of life was sent.
	InProgress func() error
}

// Disposition is what a handler says of its message.
type Disposition struct {
	again bool
	after time.Duration
}

// Done acknowledges the message: it is not delivered again.
func Done() Disposition { return Disposition{} }

// Again asks for the message again after d, which the server keeps across
// restarts.
func Again(d time.Duration) Disposition {
	return Disposition{again: true, after: max(d, time.Millisecond)}
}

// Handler handles one delivery. Its context is not cancelled by a stop: a handler
// ends by its own time-outs.
type Handler func(context.Context, Delivery) Disposition

// Consume works until ctx ends, then waits for the handlers under way. The
// durable consumer is shared by all replicas and made if missing, also when it
// or its stream disappears and comes back; it never gives up on a message.
func (b *Bus) Consume(ctx context.Context, w Work) error {
	b.works.add(w)
	defer b.works.remove(w)
	for said := ""; ctx.Err() == nil; {
		begin := time.Now()
		if err := b.consumeOnce(ctx, w); ctx.Err() == nil {
			// While NATS is in trouble the same comes every second.
			if text := fmt.Sprint(err); text != said || time.Since(begin) > time.Minute {
				b.log.Warn("consumer interrupted; it is started again and again", "consumer", w.Durable, "error", err)
				said = text
			}
			_ = pause(ctx, time.Second)
		}
	}
	return nil
}

func (b *Bus) consumeOnce(ctx context.Context, w Work) error {
	consumer, created, err := b.consumer(ctx, w)
	if err != nil {
		return err
	}
	workers := newCrew()
	defer workers.end()
	messages, err := consumer.Messages(jetstream.PullMaxMessages(w.Workers), jetstream.PullHeartbeat(quiet))
	if err != nil {
		return fmt.Errorf("pull from %s: %w", w.Durable, err)
	}
	defer messages.Stop()
	stop := context.AfterFunc(ctx, func() {
		if !b.nc.IsConnected() {
			messages.Stop() // a drain would wait for the server, and nothing can be given back
			return
		}
		messages.Drain()
	})
	defer stop()

	free := make(chan struct{}, w.Workers)
	for {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			giveBack(messages)
			return nil
		}
		msg, err := messages.Next()
		switch {
		case err == nil && ctx.Err() == nil:
			workers.run(func() {
				defer func() { <-free }()
				b.handle(context.WithoutCancel(ctx), w, created, msg)
			})
		case err == nil:
			_ = msg.Nak() // as giveBack
			giveBack(messages)
			return nil
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			// The client pulls again by itself; but the consumer may be gone, and
			// then nobody answers, for ever.
			_, again, err := b.consumer(ctx, w)
			if err != nil {
				return err
			}
			if !again.Equal(created) {
				return errors.New("its stream was made anew")
			}
			<-free
		default:
			return fmt.Errorf("next message of %s: %w", w.Durable, err)
		}
	}
}

// quiet is how often the server gives a sign of life to a pull that waits. After
// two missing ones the pull counts as lost.
const quiet = 2 * time.Second

// giveBack returns what was fetched ahead and not begun, so that another replica
// gets it at once, not after the acknowledgement time. What it cannot return
// comes again then.
func giveBack(messages jetstream.MessagesContext) {
	messages.Drain()
	for {
		msg, err := messages.Next()
		if err != nil {
			return
		}
		_ = msg.Nak()
	}
}

// consumer gives the durable consumer and the creation time of its stream.
func (b *Bus) consumer(ctx context.Context, w Work) (jetstream.Consumer, time.Time, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	stream, err := b.js.Stream(ctx, w.Stream)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("stream %s: %w", w.Stream, err)
	}
	consumer, err := stream.CreateOrUpdateConsumer(ctx, w.declared())
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("consumer %s on %s: %w", w.Durable, w.Stream, err)
	}
	return consumer, stream.CachedInfo().Created, nil
}

// maxAckPending bounds what is delivered and not yet done over all replicas,
// messages that wait for their Again included.
const maxAckPending = 4096

func (b *Bus) handle(ctx context.Context, w Work, created time.Time, msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		b.log.Error("a message without JetStream metadata", "consumer", w.Durable, "error", err)
		return
	}
	rest := beating(msg.InProgress, w.AckWait/3, w.hold())
	disposition := b.guarded(ctx, w, Delivery{
		Subject:       msg.Subject(),
		Header:        msg.Headers(),
		Data:          msg.Data(),
		Sequence:      meta.Sequence.Stream,
		StreamCreated: created,
		Sent:          meta.Timestamp,
		Delivered:     meta.NumDelivered,
		InProgress:    msg.InProgress,
	})
	rest()
	// A lost acknowledgement leads to another delivery, which handlers bear.
	if disposition.again {
		err = msg.NakWithDelay(disposition.after)
	} else {
		err = msg.Ack()
	}
	if err != nil {
		b.log.LogAttrs(ctx, slog.LevelWarn, "acknowledgement not sent; the message comes again",
			slog.String("consumer", w.Durable), about(msg.Subject()), slog.Any("error", err))
	}
}
