package main

import (
	"context"
	"time"
)

// reloadEvery is how often a file that may change is read again. To read it is what
// works everywhere: of a secret that Kubernetes mounts, the name is a link to a link
// that is swapped, and the file itself never changes.
const reloadEvery = 5 * time.Second

// repeatedly calls look at once and then every so often, until ctx ends.
func repeatedly(ctx context.Context, every time.Duration, look func(context.Context)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
