package bridge

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"devicebridge/events"
)

// throttle is one pause for all commands while Graph throttles. Its zero value
// is open.
//
// Its times are of Options.Steady, with the monotonic reading that they have there: a
// clock that was wrong for a moment must not stop all sending.
type throttle struct{ until atomic.Pointer[time.Time] }

// hold pauses until t, or longer if it is paused longer already.
func (t *throttle) hold(until time.Time) {
	for {
		old := t.until.Load()
		if old != nil && !until.After(*old) || t.until.CompareAndSwap(old, &until) {
			return
		}
	}
}

// remaining gives how long the pause still lasts; zero or less when open.
func (t *throttle) remaining(now time.Time) time.Duration {
	until := t.until.Load()
	if until == nil {
		return 0
	}
	return until.Sub(now)
}

// FollowThrottle learns from the events of other replicas that Graph throttles, so
// that one pause holds for all, until ctx ends. What it misses this replica
// learns from Graph itself.
func (b *Bridge) FollowThrottle(ctx context.Context) {
	for ctx.Err() == nil {
		err := b.followThrottle(ctx)
		if ctx.Err() != nil {
			return
		}
		b.Log.Warn("not told of the other replicas' pauses; trying again", "error", err)
		_ = pause(ctx, jitter(longPause))
	}
}

func (b *Bridge) followThrottle(ctx context.Context) error {
	next, stop, err := b.Watcher.SubscribeKind(ctx, events.KindOf(events.StateDeferred))
	if err != nil {
		return err
	}
	defer stop()
	for {
		e, err := next(ctx)
		if err != nil {
			return err
		}
		b.throttle.hold(b.Steady().Add(pauseOf(e.Command)))
	}
}

// pauseOf gives how long a deferred command was asked by Graph to wait; 0 when
// it waits for another reason. Both times are of the record, so that this host's
// clock is compared with no other.
func pauseOf(c events.Command) time.Duration {
	if c.RetryAt == nil || c.Error == nil || !throttles(c.Error) {
		return 0
	}
	wait := c.RetryAt.Sub(c.UpdatedAt)
	if c.Attempt > 1 && wait <= leastDeferral(c.Attempt) {
		return 0 // as long as this one command waits after so many attempts; Graph asked for less
	}
	return wait
}

// throttles says whether a failed POST asks for a pause of all commands: any other
// reason to defer is of one connection.
func throttles(failure *events.Error) bool {
	return failure.HTTPStatus == http.StatusTooManyRequests || failure.HTTPStatus == http.StatusServiceUnavailable
}
