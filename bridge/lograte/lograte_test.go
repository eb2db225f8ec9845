package lograte_test

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/lograte"
)

// told collects what was left out.
type told struct {
	mu   sync.Mutex
	left []int
}

func (s *told) tell(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = append(s.left, n)
}

func pass(l *lograte.Limiter, kind string, lines int, tell func(int)) (written int) {
	for range lines {
		if l.Pass(kind, tell) {
			written++
		}
	}
	return written
}

func TestLinesOfAKindAreLimitedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lograte.Limiter
		var one, other told
		if got := pass(&l, "one", 5000, one.tell); got != 10 {
			t.Errorf("%d of 5000 lines are written", got)
		}
		if got := pass(&l, "other", 3, other.tell); got != 3 {
			t.Errorf("%d of 3 lines of another kind are written", got)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if len(one.left) != 1 || one.left[0] != 4990 {
			t.Errorf("told %v of what was left out, want once 4990", one.left)
		}
		if got := pass(&l, "one", 12, one.tell); got != 10 {
			t.Errorf("%d lines are written in the next minute", got)
		}
		l.Close()
		if len(one.left) != 2 || one.left[1] != 2 || len(other.left) != 0 {
			t.Errorf("at the end told %v, and of the other kind %v", one.left, other.left)
		}
	})
}

// Who makes every line another kind is limited too, and nothing grows.
func TestInventedKindsAreOneKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lograte.Limiter
		var left told
		written := 0
		for i := range 10_000 {
			written += pass(&l, strconv.Itoa(i), 1, left.tell)
		}
		if written > 100 {
			t.Errorf("%d of 10000 lines are written", written)
		}
		<-time.After(time.Minute)
		if pass(&l, "known later", 1, left.tell) != 1 {
			t.Error("a kind finds no room after the flood")
		}
		l.Close()
		if len(left.left) != 1 || written+left.left[0] != 10_000 {
			t.Errorf("%d written, left out %v", written, left.left)
		}
	})
}

// A limiter may be used while it is closed, as by connections that end last.
func TestCloseBesideLines(t *testing.T) {
	var l lograte.Limiter
	var left told
	var lines sync.WaitGroup
	for range 4 {
		lines.Go(func() { pass(&l, "one", 1000, left.tell) })
	}
	l.Close()
	lines.Wait()
	l.Close()
	if pass(&l, "another", 1, left.tell) != 1 {
		t.Error("a line after the end is lost")
	}
}
