package bridge

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	now := time.Unix(1000, 0)
	p := pace{most: 8, limit: 8}
	if p.grow() || p.limit != 8 {
		t.Errorf("it grew to %d", p.limit)
	}
	steps := []struct {
		at, until int
		want      int
	}{{0, 10, 4}, {0, 12, 4}, {11, 15, 4}, {15, 16, 2}, {16, 17, 1}, {17, 18, 1}}
	for _, s := range steps {
		at := now.Add(time.Duration(s.at) * time.Second)
		if p.shrink(at, now.Add(time.Duration(s.until)*time.Second)); p.limit != s.want {
			t.Errorf("throttled after %d s the limit is %d, want %d", s.at, p.limit, s.want)
		}
	}
	for limit := 1; limit < 8; limit++ {
		for n := 1; n < limit; n++ {
			if p.grow() {
				t.Errorf("%d of %d taken, and it grew", n, limit)
			}
		}
		if !p.grow() || p.limit != limit+1 {
			t.Errorf("%d taken, and it is %d", limit, p.limit)
		}
	}
}

func TestPlacesAreGivenInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []int
		l := newSendLimit(1, func(n int) { told = append(told, n) })
		first := l.enter(t.Context(), 0)
		got := make(chan int, 2)
		for n := range 2 {
			go func() {
				p := l.enter(t.Context(), time.Minute)
				got <- n
				time.AfterFunc(time.Second, p.leave)
			}()
			synctest.Wait()
		}
		begin := time.Now()
		if late := l.enter(t.Context(), time.Second); late != nil || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", late, time.Since(begin))
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if l.enter(ended, time.Minute) != nil {
			t.Error("a place for one who went away")
		}
		first.leave()
		first.leave()
		if a, b := <-got, <-got; a != 0 || b != 1 || time.Since(begin) != 2*time.Second {
			t.Errorf("%d before %d, after %v", a, b, time.Since(begin))
		}
		last := l.enter(t.Context(), time.Minute)
		l.mu.Lock()
		defer l.mu.Unlock()
		if last == nil || l.busy != 1 || len(l.queue) != 0 {
			t.Errorf("%v, %d busy, %d wait", last, l.busy, len(l.queue))
		}
		if len(told) != 1 || told[0] != 1 {
			t.Errorf("told %v", told)
		}
	})
}

// TestPlacesFollowThePace: a lower limit takes nobody's place, and gives none until
// fewer are busy; a higher one lets in who waits.
func TestPlacesFollowThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := 0
		l := newSendLimit(4, func(n int) { limit = n })
		var places []*place
		for range 4 {
			places = append(places, l.enter(t.Context(), 0))
		}
		now := time.Now()
		l.change(func(p *pace) bool { return p.shrink(now, now.Add(time.Second)) })
		entered := make(chan *place, 3)
		for range 2 {
			go func() { entered <- l.enter(t.Context(), time.Hour) }()
		}
		for n, p := range places {
			synctest.Wait()
			if want := max(n-2, 0); len(entered) != want {
				t.Errorf("%d left, %d entered, want %d", n, len(entered), want)
			}
			p.leave()
		}
		synctest.Wait()
		if limit != 2 || len(entered) != 2 {
			t.Errorf("the limit is %d, %d entered", limit, len(entered))
		}
		go func() { entered <- l.enter(t.Context(), time.Hour) }()
		synctest.Wait()
		for range 2 {
			l.change((*pace).grow)
		}
		synctest.Wait()
		if limit != 3 || len(entered) != 3 {
			t.Errorf("the limit is %d, %d entered", limit, len(entered))
		}
	})
}
