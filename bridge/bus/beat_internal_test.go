package bus

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestBeating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		beats := make(chan time.Time, 10)
		begin := time.Now()
		rest := beating(func() error {
			beats <- time.Now()
			return errors.New("not sent")
		}, time.Second, 3500*time.Millisecond)
		<-time.After(time.Minute)
		if len(beats) != 3 {
			t.Errorf("%d beats", len(beats))
		}
		for n := 1; len(beats) > 0; n++ {
			if at := (<-beats).Sub(begin); at != time.Duration(n)*time.Second {
				t.Errorf("beat %d after %v", n, at)
			}
		}
		rest()
	})
}

func TestRestWaitsForTheBeat(t *testing.T) {
	begun, over := make(chan struct{}, 1), false
	rest := beating(func() error {
		select {
		case begun <- struct{}{}:
		default:
		}
		over = false
		runtime.Gosched()
		over = true
		return nil
	}, time.Millisecond, time.Hour)
	<-begun
	rest()
	if !over {
		t.Error("a beat was under way")
	}
}

func TestCrew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew()
		ran := make(chan int, 4*maxStaying+1)
		for range 2 { // the second time by those of the first
			for n := range 2 * maxStaying {
				c.run(func() {
					<-time.After(time.Second)
					ran <- n
				})
			}
			<-time.After(time.Minute)
			if len(c.waiting) != maxStaying {
				t.Errorf("%d stay", len(c.waiting))
			}
		}
		c.run(func() {
			<-time.After(time.Hour)
			ran <- 0
		})
		if c.end(); len(ran) != 4*maxStaying+1 {
			t.Errorf("%d ran", len(ran))
		}
	})
}
