package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"devicebridge/events"
)

// longestReason bounds, in bytes, what is kept of the words of an error.
const longestReason = 1 << 10

// longestPause bounds what is believed of a pause in the cursor.
const longestPause = 24 * time.Hour

// WaitError says that the source asks to be left alone for a time: Retry-After.
type WaitError struct {
	// Wait is how long, from now on.
	Wait time.Duration
	// Err is what Graph answered.
	Err error
}

// Error says what Graph answered and how long it is left alone.
func (e *WaitError) Error() string {
	return fmt.Sprintf("%v; it is left alone for %s, as it asks", e.Err, e.Wait)
}

// Unwrap gives what Graph answered.
func (e *WaitError) Unwrap() error { return e.Err }

// pause has every replica leave the directory alone for a time. It stands in the
// cursor, so that replicas that begin in the meantime know of it too.
type pause struct {
	// Wait is how long, from the time at which a replica first sees the pause.
	Wait time.Duration `json:"wait"`
	// Time is when it began, by the clock of the replica that wrote it. It can only
	// shorten what is left of Wait: clocks differ.
	Time time.Time `json:"time"`
	// Why says in words what is wrong.
	Why string `json:"why"`
}

// left returns how long the pause still is for a replica that sees it first at now.
func (p *pause) left(now time.Time) time.Duration {
	if p == nil {
		return 0
	}
	wait := min(p.Wait, longestPause)
	return wait - max(0, min(now.Sub(p.Time), wait))
}

// trouble returns why the directory is left alone; nil where it is not.
func (p *pause) trouble() error {
	if p == nil {
		return nil
	}
	return errors.New(p.Why)
}

// pausedError says why the directory is left alone.
type pausedError struct{ error }

// Unwrap gives why.
func (e pausedError) Unwrap() error { return e.error }

// pauseAt moves the cursor to behind, has every replica leave the directory alone
// for a time, and returns why.
func (p *Poller) pauseAt(ctx context.Context, here place, behind cursor, wait time.Duration, why error) error {
	behind.Pause = &pause{Wait: wait, Time: p.Now().UTC(), Why: events.Truncate(why.Error(), longestReason)}
	if _, err := p.commit(ctx, here, nil, behind); err != nil {
		return fmt.Errorf("%w; and that could not be stored: %w", why, err)
	}
	return pausedError{why}
}

// request is a pause that Graph asked this process for.
type request struct {
	*WaitError
	since time.Time
}

// wait has every replica do what Graph asks for. Until that is stored, since another
// moved the cursor or NATS is away, this one does it.
func (p *Poller) wait(ctx context.Context, here place, asked *WaitError) error {
	p.asked = &request{asked, time.Now()}
	return p.store(ctx, here)
}

// store stores what is left of the pause that Graph asked for.
func (p *Poller) store(ctx context.Context, here place) error {
	left := p.asked.Wait - time.Since(p.asked.since)
	err := p.pauseAt(ctx, here, here.cursor, left, fmt.Errorf("read the directory: %w", p.asked.WaitError))
	if _, stored := errors.AsType[pausedError](err); stored {
		p.asked = nil
	}
	return err
}

// waits reports whether Graph asked this process for a pause that is not over and is
// not in the cursor.
func (p *Poller) waits(here place) bool {
	if p.asked == nil {
		return false
	}
	left := p.asked.Wait - time.Since(p.asked.since)
	if left <= 0 || here.Pause.left(p.Now()) >= left {
		p.asked = nil
	}
	return p.asked != nil
}
