package bus

import (
	"cmp"
	"context"
	"time"

	"devicebridge/events"
)

// Work names a durable consumer and how it is worked on.
type Work struct {
	Stream, Durable, Filter string
	// AckWait is how long a delivery may be without a sign of life before somebody
	// else gets it. While a handler runs, this process gives one every third of it.
	AckWait time.Duration
	// Hold bounds the signs of life for one delivery: a handler that is stuck for
	// ever must let go. Zero: 10 minutes.
	Hold time.Duration
	// Workers is how many deliveries this process handles at once.
	Workers int
	Handle  Handler
	// Poisoned, if not nil, is asked about a delivery whose handler panicked: reason
	// tells of the panic, without data of the message. What it gives counts as the
	// handler's answer. Where it is nil, or panics itself, the message comes again
	// after growing pauses of up to a minute.
	Poisoned func(ctx context.Context, d Delivery, reason string) Disposition
}

func (w Work) hold() time.Duration { return cmp.Or(w.Hold, 10*time.Minute) }

// DispatchWork is the work of sending accepted commands.
func (b *Bus) DispatchWork(ackWait time.Duration, workers int, handle Handler) Work {
	return Work{
		Stream:  b.subjects.EventStream(),
		Durable: dispatchConsumer,
		Filter:  b.subjects.KindFilter(events.KindOf(events.StateAccepted), ""),
		AckWait: ackWait, Workers: workers, Handle: handle,
	}
}

// DefaultAckWait is how long what a dead replica had in hand waits for another.
// A living one gives signs of life.
const DefaultAckWait = 10 * time.Second

// IntakeWork is the work of taking requests from the intake stream.
func (b *Bus) IntakeWork(workers int, handle Handler) Work {
	return Work{
		Stream:  b.subjects.IntakeStream(),
		Durable: intakeConsumer,
		Filter:  b.subjects.Intake(),
		AckWait: DefaultAckWait, Workers: workers, Handle: handle,
	}
}

// TimerWork is the work of looking at commands whose timer is due.
func (b *Bus) TimerWork(ackWait time.Duration, workers int, handle Handler) Work {
	return Work{
		Stream:  b.subjects.TimerStream(),
		Durable: timersConsumer,
		Filter:  b.subjects.TimersDue(),
		AckWait: ackWait, Workers: workers, Handle: handle,
	}
}

// Stored reads a delivery of the event stream.
func (d Delivery) Stored() (events.Stored, error) {
	return stored(d.Sequence, d.Subject, d.Header, d.Data)
}
