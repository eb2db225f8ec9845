package webhook

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxTracked is how many names have a bucket at once, about 2 MiB. The one
// unused for longest makes room; it comes back with a full bucket.
const maxTracked = 8192

// rateLimits holds one token bucket per name. A server has two: one of commands,
// into which only those with a verified token get, so that a stranger cannot push
// others out; and one of addresses, from which only requests without a good token
// take, so that a stranger cannot stop a postback that comes through the same
// proxy.
type rateLimits struct {
	rate  rate.Limit
	burst int
	size  int

	mu      sync.Mutex
	buckets map[string]*list.Element
	recent  *list.List // of *bucket, the last used first
}

type bucket struct {
	name    string
	limiter *rate.Limiter
}

func newRateLimits(limit rate.Limit, burst, size int) *rateLimits {
	return &rateLimits{rate: limit, burst: burst, size: size, buckets: make(map[string]*list.Element), recent: list.New()}
}

// wait takes one request from the name's bucket and gives 0, or takes none and
// gives the time until there is one.
func (l *rateLimits) wait(name string, now time.Time) time.Duration {
	limiter := l.limiter(name)
	reservation := limiter.ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay > 0 {
		reservation.CancelAt(now)
	}
	return delay
}

func (l *rateLimits) limiter(name string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, known := l.buckets[name]; known {
		l.recent.MoveToFront(e)
		return e.Value.(*bucket).limiter
	}
	if l.recent.Len() >= l.size {
		oldest := l.recent.Remove(l.recent.Back()).(*bucket)
		delete(l.buckets, oldest.name)
	}
	limiter := rate.NewLimiter(l.rate, l.burst)
	l.buckets[name] = l.recent.PushFront(&bucket{name: name, limiter: limiter})
	return limiter
}
