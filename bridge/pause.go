package bridge

import (
	"context"
	"time"

	"devicebridge/events"
)

// pause waits for d; it reports false when ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// overduePause is the longest that a delivery waits which came to nothing, where its
// command may be due to end: so the end comes soon after NATS answers again.
const overduePause = 5 * time.Second

// backoff gives how long to wait after the count-th delivery came to nothing.
func backoff(count uint64) time.Duration { return jitter(doubled(shortPause, count, longPause)) }

// again returns how long to wait after a delivery for c came to nothing: as backoff, but
// not far beyond the time at which c has to end.
func (b *Bridge) again(c events.Command, d Delivery) time.Duration {
	return min(backoff(d.Count), max(c.ExpiresAt.Sub(b.Now()), overduePause))
}

// blindly returns how long to wait after a delivery came to nothing because its command
// could not be read, so that it is not known when that has to end.
func blindly(d Delivery) time.Duration { return min(backoff(d.Count), overduePause) }
