package bridge

import (
	"context"
	"sync"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// leases remembers since when this process has seen a command under one claim.
// A lease so runs on one clock, the reader's monotonic one, and needs no other
// as long as a process lives longer than it; see checkLease.
type leases struct {
	mu   sync.Mutex
	seen map[string]sighting
}

type sighting struct {
	attempt int
	since   time.Time
}

// maxSightings bounds the memory; what is dropped is only seen anew.
const maxSightings = 100_000

// held gives how long the claim of attempt has been seen unchanged.
func (l *leases) held(command string, attempt int, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, ok := l.seen[command]; ok && s.attempt == attempt {
		return now.Sub(s.since)
	}
	if l.seen == nil || len(l.seen) >= maxSightings {
		l.seen = make(map[string]sighting)
	}
	l.seen[command] = sighting{attempt, now}
	return 0
}

func (l *leases) forget(command string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.seen, command)
}

// checkLease handles a delivery that finds the command claimed by another. Once
// the claim has stood for a whole lease its sender is gone or stuck, and the
// outcome unknown. A process that never lives as long as a lease sees none pass;
// for it the command's expiry counts, a lease later, as every process reads that
// by its own clock anyway. If it lives after all, its late answer heals the command.
func (b *Bridge) checkLease(ctx context.Context, from events.Stored, d Delivery) time.Duration {
	c, now := from.Command, b.Now()
	held := b.leases.held(c.ID, c.Attempt, b.Steady())
	if overdue := now.Sub(later(c.UpdatedAt, c.ExpiresAt)); held < b.Lease && overdue < b.Lease {
		return b.Lease - max(held, overdue)
	}
	after, err := b.fold(ctx, from, given, command.LoseTrack{
		At: now, Attempt: c.Attempt, Source: events.SourceTimer,
		Error: &events.Error{
			Code:    "leasePassed",
			Message: "the replica that was sending this command did not report; it may or may not have reached Graph",
		},
	})
	if err != nil {
		return b.again(from.Command, d)
	}
	b.leases.forget(c.ID)
	// This delivery may be the timer that stood since the claim: set the next.
	return b.wake(ctx, after, d)
}
