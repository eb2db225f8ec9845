package webhook

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxTracked is how many commands have a bucket at once, about 2 MiB. The one
// unused for longest makes room; it comes back with a full bucket.
const maxTracked = 8192

// rateLimits holds one token bucket per command. Only commands with a verified
// token get here, so a stranger cannot push others out. There is no bucket per
// address: behind an ingress all senders share one.
type rateLimits struct {
	rate  rate.Limit
	burst int
	size  int

	mu      sync.Mutex
	buckets map[string]*list.Element
	recent  *list.List // of *bucket, the last used first
}

type bucket struct {
	command string
	limiter *rate.Limiter
}

func newRateLimits(limit rate.Limit, burst, size int) *rateLimits {
	return &rateLimits{rate: limit, burst: burst, size: size, buckets: make(map[string]*list.Element), recent: list.New()}
}

// wait takes one postback from the command's bucket and gives 0, or takes none
// and gives the time until there is one.
func (l *rateLimits) wait(command string, now time.Time) time.Duration {
	limiter := l.limiter(command)
	reservation := limiter.ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay > 0 {
		reservation.CancelAt(now)
	}
	return delay
}

func (l *rateLimits) limiter(command string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, known := l.buckets[command]; known {
		l.recent.MoveToFront(e)
		return e.Value.(*bucket).limiter
	}
	if l.recent.Len() >= l.size {
		oldest := l.recent.Remove(l.recent.Back()).(*bucket)
		delete(l.buckets, oldest.command)
	}
	limiter := rate.NewLimiter(l.rate, l.burst)
	l.buckets[command] = l.recent.PushFront(&bucket{command: command, limiter: limiter})
	return limiter
}
