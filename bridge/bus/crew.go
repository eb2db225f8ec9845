package bus

import "sync"

// crew runs functions side by side in goroutines that stay for the next one: a new
// one for each would grow its stack anew each time.
type crew struct {
	tasks   chan func()
	waiting chan struct{} // a place for each that stays
	working sync.WaitGroup
}

// maxStaying is how many goroutines stay while there is nothing to do.
const maxStaying = 64

func newCrew() *crew {
	return &crew{tasks: make(chan func()), waiting: make(chan struct{}, maxStaying)}
}

// run has f run by one that waits, or by a new one. Who calls it bounds how many run.
func (c *crew) run(f func()) {
	select {
	case c.tasks <- f:
	default:
		c.working.Go(func() { c.work(f) })
	}
}

func (c *crew) work(f func()) {
	for f != nil {
		f()
		select {
		case c.waiting <- struct{}{}:
		default:
			return
		}
		f = <-c.tasks // nil at the end
		<-c.waiting
	}
}

// end waits for what runs. Nothing may be run any more.
func (c *crew) end() {
	close(c.tasks)
	c.working.Wait()
}
