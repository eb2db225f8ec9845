package bridge

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// sweepReads is how many commands a sweep looks at side by side.
const sweepReads = 8

// sweepMargin covers the difference between the clocks that wrote the creation
// of a command, this one's and the stream's.
const sweepMargin = 10 * time.Minute

// SweepReport says what a sweep found.
type SweepReport struct {
	// Commands is how many it looked at, Open how many of them had not ended, Armed
	// how many of those had no timer and got one.
	Commands, Open, Armed int
	// Oldest is when the oldest that had not ended was created; zero where all had.
	Oldest time.Time
	// Finished: it looked at every command that may be open. Then Open and Oldest
	// hold for all of them, whichever replica sweeps.
	Finished bool
}

// Sweep makes sure that every command that has not ended has a timer: it derives
// them anew from the stream, so that none depends on a timer that was lost.
// And it finishes erasures that were broken off. It reads the commands of the
// longest life a command may have; a mark that it keeps in memory spares it those
// known to have ended.
func (b *Bridge) Sweep(ctx context.Context) (SweepReport, error) { return b.sweep(ctx, false) }

// sweep is Sweep; anew sets also the timers that stand.
func (b *Bridge) sweep(ctx context.Context, anew bool) (SweepReport, error) {
	begin := b.Now()
	since := begin.Add(-b.ExpiresMax - b.Timing.Grace)
	if mark := b.sweepMark.Load(); mark != nil && mark.After(since) {
		since = *mark
	}
	s := sweep{bridge: b, anew: anew}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sweepReads)
	err := b.Shelf.EachOpen(ctx, since, func(id string, at time.Time, erased bool) error {
		// What has a timer is left to it, unread: that is nearly all there is. The others
		// are looked at one by one.
		if s.armed == nil && !anew {
			var err error
			if s.armed, err = b.Timers.AllArmed(ctx); err != nil {
				return err
			}
			s.dispatched, s.coming = b.Shelf.Dispatched(ctx)
		}
		if _, armed := s.armed[id]; armed && !erased {
			s.count(at, false)
			return ctx.Err()
		}
		group.Go(func() error { return s.lookAt(ctx, id) })
		return ctx.Err()
	})
	if waited := group.Wait(); waited != nil {
		err = waited
	}
	s.report.Finished = err == nil
	b.Hooks.Swept(s.report)
	if err != nil {
		return s.report, err
	}
	// A hint with room for clocks that differ: a command that is read in vain
	// costs one read.
	oldest := begin
	if s.report.Open > 0 {
		oldest = earlier(oldest, s.report.Oldest)
	}
	if !s.unerased.IsZero() {
		oldest = earlier(oldest, s.unerased)
	}
	mark := oldest.Add(-sweepMargin)
	b.sweepMark.Store(&mark)
	return s.report, nil
}

// SweepEvery sweeps at once and then every d, give or take a tenth, until ctx
// ends. A sweep that fails is tried again soon. Where the clock is set back meanwhile,
// timers would fire as much too late: then all of them are set anew at once.
func (b *Bridge) SweepEvery(ctx context.Context, d time.Duration) {
	var clock stepWatch
	clock.setBack(b.Steady(), b.Now().Round(0))
	for anew := false; ; {
		report, err := b.sweep(ctx, anew)
		wait := jitter(d)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			b.Log.Warn("sweep not finished; it begins again soon", "error", err)
			wait = min(wait, jitter(longPause))
		case anew:
			b.Log.Warn("the clock was set back: all timers were set anew", "looked_at", report.Commands, "open", report.Open)
			anew = false
		case report.Armed > 0:
			b.Log.Info("sweep set timers anew", "looked_at", report.Commands, "open", report.Open, "armed", report.Armed)
		}
		setBack, going := b.pauseWatching(ctx, wait, &clock)
		if !going {
			return
		}
		anew = anew || setBack
	}
}

const (
	// clockEvery is how often it is looked whether the clock was set back, and
	// setBackBy by how much it has to be.
	clockEvery = time.Second
	setBackBy  = 5 * time.Second
)

// stepWatch notices that the clock was set back, also after it was set ahead for a
// moment: it compares with the furthest that the clock was ahead of the steady one.
type stepWatch struct {
	steady, wall time.Time
	ahead        time.Duration
}

// setBack takes the time by both clocks and returns whether the clock was set back
// since it last returned true.
func (w *stepWatch) setBack(steady, wall time.Time) bool {
	if w.wall.IsZero() {
		w.steady, w.wall = steady, wall
	}
	ahead := wall.Sub(w.wall) - steady.Sub(w.steady)
	if w.ahead-ahead >= setBackBy {
		w.ahead = ahead
		return true
	}
	w.ahead = max(w.ahead, ahead)
	return false
}

// pauseWatching waits for d, or until the clock was set back; going is false when ctx
// ended before.
func (b *Bridge) pauseWatching(ctx context.Context, d time.Duration, clock *stepWatch) (setBack, going bool) {
	begin := b.Steady()
	for left := d; left > 0; left = d - b.Steady().Sub(begin) {
		if clock.setBack(b.Steady(), b.Now().Round(0)) {
			return true, true
		}
		if !pause(ctx, min(left, clockEvery)) {
			return false, false
		}
	}
	return clock.setBack(b.Steady(), b.Now().Round(0)), true
}

// sweep is one run of Sweep.
type sweep struct {
	bridge *Bridge
	anew   bool
	mu     sync.Mutex
	report SweepReport
	// armed are the commands that had a timer when it began to look.
	armed map[string]struct{}
	// dispatched and coming are as Shelf.Dispatched gave them then.
	dispatched uint64
	coming     bool
	// unerased is when the oldest command was created whose erasure is to be gone on
	// with by the next sweep; zero where there is none.
	unerased time.Time
}

// lookAt looks at a command. One whose events cannot be read, or have left the stream,
// must not keep a sweep from the others: it comes to all of them in the same order each
// time.
func (s *sweep) lookAt(ctx context.Context, id string) error {
	err := s.look(ctx, id)
	if events.HasCode(err, events.CodeNotFound) || s.bridge.unreadable(id, err) {
		return nil
	}
	return err
}

func (s *sweep) look(ctx context.Context, id string) error {
	b := s.bridge
	latest, err := b.Stream.Latest(ctx, id)
	if err == nil && latest.Command.ID != id {
		err = fmt.Errorf("%w: it is of command %s", events.ErrUnreadable, latest.Command.ID)
	}
	if err != nil {
		return err
	}
	if latest.Command.State == events.StateErased {
		if err := b.resumeErasure(ctx, latest); err != nil {
			// Timers of other commands do not wait for it.
			b.Log.Warn("an erasure is not finished; the next sweep goes on with it", "command", id, "error", err)
			s.mu.Lock()
			if created := latest.Command.CreatedAt; s.unerased.IsZero() || created.Before(s.unerased) {
				s.unerased = created
			}
			s.mu.Unlock()
		}
	}
	step, at := b.next(latest.Command, b.Now())
	open, armed := step != command.StepNone, false
	if step == command.StepLeave {
		armed = true // by a replica of the version that knows the state
	}
	if open && !armed {
		if !s.anew {
			if armed, err = b.Timers.Armed(ctx, id); err != nil {
				return err
			}
		}
		if !armed {
			switch c := latest.Command; c.State {
			case events.StateAccepted, events.StateDeferred, events.StateSending:
				at = earlier(at, b.Now()) // whoever had it in hand may be gone
				if s.coming && c.Sequence == 1 && latest.Sequence > s.dispatched {
					// Nobody had: a long queue comes to its turn by itself, and must not be
					// woken as a whole. Only its end needs a timer.
					at = c.ExpiresAt
				}
			}
			if err := b.schedule(ctx, latest, at); err != nil {
				return err
			}
		}
	}
	if !open {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.report.Commands++
		return nil
	}
	s.count(latest.Command.CreatedAt, !armed)
	return nil
}

// count takes a command that has not ended into the report.
func (s *sweep) count(created time.Time, anew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Commands++
	s.report.Open++
	if s.report.Oldest.IsZero() || created.Before(s.report.Oldest) {
		s.report.Oldest = created
	}
	if anew {
		s.report.Armed++
	}
}
