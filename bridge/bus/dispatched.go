package bus

import (
	"context"
	"time"
)

// stillComing is how long after the last delivery to Dispatch the next ones count as
// coming by themselves.
const stillComing = time.Minute

// Dispatched returns the sequence up to which accepted events have been delivered to
// dispatch, on any replica. false: that is not known, or none were delivered of late.
func (b *Bus) Dispatched(ctx context.Context) (sequence uint64, coming bool) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	consumer, err := b.js.Consumer(ctx, b.subjects.EventStream(), dispatchConsumer)
	if err != nil {
		b.log.Debug("what was dispatched is not known", "error", err)
		return 0, false
	}
	info := consumer.CachedInfo()
	if last := info.Delivered.Last; info.Paused || last == nil || time.Since(*last) > stillComing {
		return 0, false
	}
	return info.Delivered.Stream, true
}
