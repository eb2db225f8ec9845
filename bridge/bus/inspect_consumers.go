package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ConsumerReport is a consumer that the bridge works from, held against its declaration.
type ConsumerReport struct {
	// Name is that of the consumer, Stream that of its stream.
	Name, Stream string
	// Err: it could not be looked at. A *DeniedError names the permission.
	Err error
	// Missing: there is none. A bridge that runs makes it within seconds.
	Missing bool
	// Matters tells what differs of what the bridge's work rests on; empty: nothing.
	Matters string
	// PausedUntil is until when it delivers nothing; zero: it is not paused.
	PausedUntil time.Time
}

// CompareConsumers holds each consumer that the bridge works from against its
// declaration, changing nothing.
func (b *Bus) CompareConsumers(ctx context.Context) []ConsumerReport {
	works := []Work{b.DispatchWork(DefaultAckWait, 1, nil), b.IntakeWork(1, nil), b.TimerWork(DefaultAckWait, 1, nil)}
	reports := make([]ConsumerReport, 0, len(works))
	for _, w := range works {
		reports = append(reports, b.compareConsumer(ctx, w))
	}
	return reports
}

func (b *Bus) compareConsumer(ctx context.Context, w Work) ConsumerReport {
	report := ConsumerReport{Name: w.Durable, Stream: w.Stream}
	var stream struct {
		Error *jetstream.APIError
		jetstream.StreamInfo
	}
	var reply struct {
		Error *jetstream.APIError
		jetstream.ConsumerInfo
	}
	if report.Err = b.inquire(ctx, apiPrefix+"STREAM.INFO."+w.Stream, &stream); report.Err != nil {
		return report
	}
	if report.Err = b.inquire(ctx, apiPrefix+"CONSUMER.INFO."+w.Stream+"."+w.Durable, &reply); report.Err != nil {
		return report
	}
	switch {
	case reply.Error != nil && (reply.Error.ErrorCode == jetstream.JSErrCodeConsumerNotFound || reply.Error.ErrorCode == jetstream.JSErrCodeStreamNotFound):
		report.Missing = true
	case reply.Error != nil:
		report.Err = reply.Error
	default:
		seen := sightOf(w, &reply.ConsumerInfo, stream.Config.ConsumerLimits)
		report.Matters, report.PausedUntil = describe(seen.found), seen.paused
	}
	return report
}
