package bridge

import (
	"sync/atomic"
	"time"
)

// throttle is one pause for all commands while Graph throttles. Its zero value
// is open.
type throttle struct{ until atomic.Int64 } // unix nanoseconds

// hold pauses until t, or longer if it is paused longer already.
func (t *throttle) hold(until time.Time) {
	for {
		old := t.until.Load()
		if until.UnixNano() <= old || t.until.CompareAndSwap(old, until.UnixNano()) {
			return
		}
	}
}

// remaining gives how long the pause still lasts; zero or less when open.
func (t *throttle) remaining(now time.Time) time.Duration {
	return time.Duration(t.until.Load() - now.UnixNano())
}
