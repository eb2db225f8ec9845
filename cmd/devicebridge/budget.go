package main

import (
	"context"
	"sync"
	"time"
)

// budget is the time that a stop may take, from its first moment to its last.
// Every step of the stop shares it, so that the whole takes no longer than the
// operator, and the grace period that is set by it, expect.
type budget struct {
	// most is BRIDGE_DRAIN_TIMEOUT.
	most time.Duration

	mu    sync.Mutex
	until time.Time // zero: no stop has begun
}

// drainShare is what is kept of a budget for draining the connection to NATS, on
// which the last answers leave: a fifth, 5 s at most.
func drainShare(most time.Duration) time.Duration { return min(most/5, 5*time.Second) }

// work is how much of the budget what is under way may take.
func (b *budget) work() time.Duration { return b.most - drainShare(b.most) }

// begin starts the clock with the first call and gives when the budget is spent.
func (b *budget) begin() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		b.until = time.Now().Add(b.most)
	}
	return b.until
}

// toFinish gives a context for what is under way. It outlives ctx.
func (b *budget) toFinish(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadline(context.WithoutCancel(ctx), b.begin().Add(-drainShare(b.most)))
}

// toClose gives a context for what comes after that: all that is left.
func (b *budget) toClose(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadline(context.WithoutCancel(ctx), b.begin())
}
