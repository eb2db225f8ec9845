package bus

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// usageAge is how old the known fill of the stream may be.
const usageAge = time.Second

// usage is what was last known of the event stream's fill.
type usage struct {
	asked atomic.Int64  // unix nanoseconds
	ratio atomic.Uint64 // bits of a float64
}

// Usage gives how full the event stream is, 0 to 1 of its MaxBytes. It asks the
// server at most once a second; who comes meanwhile, or while the server does not
// answer, gets what was known: the append itself will tell.
func (b *Bus) Usage(ctx context.Context) float64 {
	now := time.Now().UnixNano()
	asked := b.usage.asked.Load()
	if now-asked >= int64(usageAge) && b.usage.asked.CompareAndSwap(asked, now) {
		ctx, cancel := b.bounded(ctx)
		defer cancel()
		if stream, err := b.js.Stream(ctx, b.subjects.EventStream()); err == nil {
			info := stream.CachedInfo()
			if limit := info.Config.MaxBytes; limit > 0 {
				b.usage.ratio.Store(math.Float64bits(float64(info.State.Bytes) / float64(limit)))
			}
		}
	}
	return math.Float64frombits(b.usage.ratio.Load())
}
