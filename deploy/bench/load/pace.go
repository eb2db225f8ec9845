package load

import (
	"context"
	"runtime"
	"time"

	"devicebridge/deploy/bench/host"
)

// pace gives when the next request is meant to be sent, once that time has come;
// false when there is none. It is safe for concurrent use.
type pace func() (meant time.Time, more bool)

// closedLoop is a pace of as fast as answers come, for d.
func closedLoop(d time.Duration) pace {
	end := time.Now().Add(d)
	return func() (time.Time, bool) {
		now := time.Now()
		return now, now.Before(end)
	}
}

// constantRate is a pace of rate a second for d. When everybody waits for answers
// the requests queue up, each with the time that it was meant for.
func constantRate(ctx context.Context, rate float64, d time.Duration, sleep func(time.Time)) pace {
	count := int(rate * d.Seconds())
	due := make(chan time.Time, count)
	begin := time.Now().Add(time.Millisecond)
	go func() {
		defer close(due)
		// A thread of its own sleeps more exactly than Go's timers do. It is given back
		// and not ended: a measured process would end with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		_ = host.PreciseTimers() // else it is some microseconds less exact
		for i := range count {
			meant := begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			sleep(meant)
			if ctx.Err() != nil {
				return
			}
			due <- meant
		}
	}()
	return func() (time.Time, bool) {
		meant, more := <-due
		return meant, more
	}
}

func sleepUntil(t time.Time) { host.SleepNanos(int64(time.Until(t))) }
