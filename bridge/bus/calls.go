package bus

import "sync"

// calls are the requests under way: at most so many, and none that begins after
// the stop.
type calls struct {
	free chan struct{}

	mu      sync.Mutex
	stopped bool
	running *crew
}

func newCalls(most int) *calls { return &calls{free: make(chan struct{}, most), running: newCrew()} }

// begin runs f beside the caller and reports true, unless there are too
// many or the stop has come.
func (c *calls) begin(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	select {
	case c.free <- struct{}{}:
	default:
		return false
	}
	c.running.run(func() {
		defer func() { <-c.free }()
		f()
	})
	return true
}

// stop lets no more begin and waits for those under way.
func (c *calls) stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.running.end()
}
