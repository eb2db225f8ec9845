package bus

import (
	"sync"
	"time"
)

// beating calls sign every so often, until hold has passed or the function given
// back is called, which waits for the end of it. A sign that could not be sent is
// followed by the next.
func beating(sign func() error, every, hold time.Duration) (rest func()) {
	stop := make(chan struct{})
	var heart sync.WaitGroup
	heart.Go(func() {
		beat := time.NewTicker(max(every, time.Millisecond))
		defer beat.Stop()
		end := time.NewTimer(hold)
		defer end.Stop()
		for {
			select {
			case <-beat.C:
				_ = sign()
			case <-end.C:
				return
			case <-stop:
				return
			}
		}
	})
	return func() {
		close(stop)
		heart.Wait()
	}
}
