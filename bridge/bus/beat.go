package bus

import (
	"sync"
	"time"
)

// beating calls sign every so often, until hold has passed or the function given
// back is called, which waits for the end of it. A sign that could not be sent is
// followed by the next.
func beating(sign func() error, every, hold time.Duration) (rest func()) {
	h := &heart{sign: sign, every: max(every, time.Millisecond), until: time.Now().Add(hold)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next = time.AfterFunc(h.every, h.beat)
	return h.rest
}

// heart beats from a timer: most deliveries are done before its first beat, so that
// a goroutine for each would only be started and ended.
type heart struct {
	sign  func() error
	every time.Duration
	until time.Time

	mu   sync.Mutex // held for the length of a beat
	next *time.Timer
	over bool
}

func (h *heart) beat() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over || !time.Now().Before(h.until) {
		return
	}
	_ = h.sign()
	h.next.Reset(h.every)
}

func (h *heart) rest() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	h.next.Stop()
}
