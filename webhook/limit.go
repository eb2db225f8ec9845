package webhook

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
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

	mu      sync.Mutex
	buckets *simplelru.LRU[string, *rate.Limiter]
}

func newRateLimits(limit rate.Limit, burst, size int) *rateLimits {
	buckets, err := simplelru.NewLRU[string, *rate.Limiter](size, nil)
	if err != nil {
		panic(err) // of a size that is not more than 0
	}
	return &rateLimits{rate: limit, burst: burst, buckets: buckets}
}

// wait takes one request from the name's bucket and gives 0, or takes none and
// gives the time until there is one.
func (l *rateLimits) wait(name string, now time.Time) time.Duration {
	limiter := l.limiter(name)
	if limiter.AllowN(now, 1) {
		return 0
	}
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
	limiter, known := l.buckets.Get(name)
	if !known {
		limiter = rate.NewLimiter(l.rate, l.burst)
		l.buckets.Add(name, limiter)
	}
	return limiter
}
