package bus

import (
	"time"

	"devicebridge/events"
)

// DispatchWork is the work of sending accepted commands. ackWait is also the
// lease of a claim: a delivery that comes again finds its sender dead or stuck.
func (b *Bus) DispatchWork(ackWait time.Duration, workers int, handle Handler) Work {
	return Work{
		Stream:  b.subjects.EventStream(),
		Durable: dispatchConsumer,
		Filter:  b.subjects.KindFilter(events.KindOf(events.StateAccepted), ""),
		AckWait: ackWait, Workers: workers, Handle: handle,
	}
}

// IntakeWork is the work of taking requests from the intake stream.
func (b *Bus) IntakeWork(workers int, handle Handler) Work {
	return Work{
		Stream:  b.subjects.IntakeStream(),
		Durable: intakeConsumer,
		Filter:  b.subjects.Intake(),
		AckWait: 30 * time.Second, Workers: workers, Handle: handle,
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
func (d Delivery) Stored() (events.Stored, error) { return stored(d.Sequence, d.Header, d.Data) }
