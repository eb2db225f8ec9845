package bridge

import (
	"context"
	"slices"
	"sync"
	"time"
)

// placeWait is how long the delivery of a timer waits for a place among the POSTs under
// way before the command is left to its timer again: it holds one of the places of its consumer meanwhile, and
// polls and ends of other commands come by the same.
const placeWait = 100 * time.Millisecond

// queueWait is how long a delivery of an accepted command waits for a place: behind it
// come only others that want one, too, and in the stream they cost nothing. Each that is
// left to its timer costs an entry in another stream, and a read of its record again and
// again, and with it the memory for the part of the stream that it stands in.
const queueWait = 5 * time.Second

// pace says how many POSTs may be under way: as many as at most until Graph throttles,
// half as many then, and one more each time that as many were taken.
type pace struct {
	most, limit int
	taken       int // since the limit changed
	until       time.Time
}

// grow takes note of a POST that was taken, and reports whether the limit changed.
func (p *pace) grow() bool {
	if p.taken++; p.taken < p.limit || p.limit == p.most {
		return false
	}
	p.limit++
	p.taken = 0
	return true
}

// shrink takes note of a POST that was throttled until a time, and reports whether the
// limit changed: once in a pause, since all that were under way are throttled together.
func (p *pace) shrink(now, until time.Time) bool {
	fresh := !now.Before(p.until)
	p.until = later(p.until, until)
	if !fresh {
		return false
	}
	p.limit = max(p.limit/2, 1)
	p.taken = 0
	return true
}

// sendLimit gives out the places among the POSTs under way in this process, in the
// order in which they were asked for.
type sendLimit struct {
	tell func(limit int)

	mu    sync.Mutex
	pace  pace
	busy  int
	queue []chan struct{} // each is closed when its place is given
}

func newSendLimit(most int, tell func(int)) *sendLimit {
	tell(most)
	return &sendLimit{tell: tell, pace: pace{most: most, limit: most}}
}

// enter takes a place, waiting for one up to most; it gives nil where none came.
func (l *sendLimit) enter(ctx context.Context, most time.Duration) *place {
	turn := l.line()
	if turn == nil {
		return &place{limit: l}
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	select {
	case <-turn:
	case <-ctx.Done():
		if l.giveUp(turn) {
			return nil
		}
	}
	return &place{limit: l}
}

// line takes a free place, or gives what is closed once there is one.
func (l *sendLimit) line() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy < l.pace.limit {
		l.busy++
		return nil
	}
	turn := make(chan struct{})
	l.queue = append(l.queue, turn)
	return turn
}

// giveUp leaves the line; false where the place was given just now.
func (l *sendLimit) giveUp(turn chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.queue, turn)
	if i < 0 {
		return false
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	return true
}

// change has the places follow what f does to the pace or to those who are busy.
func (l *sendLimit) change(f func(*pace) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f(&l.pace) {
		l.tell(l.pace.limit)
	}
	for l.busy < l.pace.limit && len(l.queue) > 0 {
		close(l.queue[0])
		l.queue = slices.Delete(l.queue, 0, 1)
		l.busy++
	}
}

// place is one of the places.
type place struct {
	limit *sendLimit
	left  bool
}

// leave gives the place back, once.
func (p *place) leave() {
	if p.left {
		return
	}
	p.left = true
	p.limit.change(func(*pace) bool {
		p.limit.busy--
		return false
	})
}
