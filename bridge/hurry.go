package bridge

import (
	"context"
	"sync"
)

// maxWaiters bounds how many commands are remembered to be hurried. Those beyond it
// come by their timers, within half a minute.
const maxWaiters = 16384

// waiters are commands that this replica left to their timers because nothing can
// be sent now. It is a hint: one that moved on is looked at in vain.
type waiters struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

func (w *waiters) add(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ids == nil {
		w.ids = map[string]struct{}{}
	}
	if len(w.ids) < maxWaiters {
		w.ids[id] = struct{}{}
	}
}

// take gives all of them and forgets them.
func (w *waiters) take() map[string]struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := w.ids
	w.ids = nil
	return ids
}

// Hurry has the commands looked at now that wait because nothing could be sent:
// somebody has signed in, or Graph answers again.
func (b *Bridge) Hurry(ctx context.Context) {
	for id := range b.waiters.take() {
		if err := b.Timers.Arm(ctx, id, b.Now()); err != nil {
			b.Log.Debug("command not hurried; its timer stands", "command", id, "error", err)
		}
	}
}
