// Package lograte keeps lines that anybody outside can cause from filling a log: of
// each kind so many in a time are written, and the others are counted and told of in
// one line.
package lograte

import (
	"sync"
	"time"
)

const (
	most  = 10          // lines of one kind in one period
	every = time.Minute // a period, which begins with its first line
	kinds = 64          // how many kinds are told apart at once
)

// rest is the kind of all lines for which there is no room to tell them apart, so
// that who invents kinds fills nothing.
const rest = ""

// Limiter counts lines by kind. The zero value works; it must not be copied. It is
// safe for concurrent use.
type Limiter struct {
	mu      sync.Mutex
	closed  bool
	periods map[string]*period
	telling sync.WaitGroup
}

// period is that of one kind.
type period struct {
	began   time.Time
	written int
	leftOut int
	end     *time.Timer
	tell    func(leftOut int)
}

// Pass reports whether one more line of the kind may be written now. Where it may
// not, tell is called once at the end of the period, or by Close, with the number of
// lines that were left out in it; it is that of the first of them.
func (l *Limiter) Pass(kind string, tell func(leftOut int)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.periodOf(kind, time.Now())
	if p.written < most {
		p.written++
		return true
	}
	if l.closed {
		return false
	}
	if p.leftOut++; p.leftOut == 1 {
		p.tell = tell
		l.telling.Add(1)
		p.end = time.AfterFunc(time.Until(p.began.Add(every)), func() { defer l.telling.Done(); l.finish(p) })
	}
	return false
}

// periodOf returns the running period of a kind.
func (l *Limiter) periodOf(kind string, now time.Time) *period {
	if l.periods == nil {
		l.periods = map[string]*period{}
	}
	p, known := l.periods[kind]
	if !known && len(l.periods) >= kinds {
		l.forget(now)
		if len(l.periods) >= kinds {
			kind = rest
			p = l.periods[kind]
		}
	}
	if p == nil || now.Sub(p.began) >= every && p.leftOut == 0 {
		p = &period{began: now}
		l.periods[kind] = p
	}
	return p
}

// forget drops the periods that are over and have nothing to tell.
func (l *Limiter) forget(now time.Time) {
	for kind, p := range l.periods {
		if now.Sub(p.began) >= every && p.leftOut == 0 {
			delete(l.periods, kind)
		}
	}
}

// finish ends a period and tells what was left out in it.
func (l *Limiter) finish(p *period) {
	l.mu.Lock()
	leftOut, tell := p.leftOut, p.tell
	p.leftOut = 0
	l.mu.Unlock()
	if leftOut > 0 {
		tell(leftOut)
	}
}

// Close tells what was left out so far, and waits until all is told. Lines of later
// kinds pass as before, without a count.
func (l *Limiter) Close() {
	l.mu.Lock()
	l.closed = true
	var stopped []*period
	for _, p := range l.periods {
		if p.end != nil && p.end.Stop() {
			stopped = append(stopped, p)
		}
	}
	l.mu.Unlock()
	for _, p := range stopped {
		l.finish(p)
		l.telling.Done()
	}
	l.telling.Wait()
}
