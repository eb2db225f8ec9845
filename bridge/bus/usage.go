package bus

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// usageAge is how old the known fill of the stream may be.
const usageAge = time.Second

// usage is what was last known of the event stream's fill.
type usage struct {
	asked atomic.Pointer[time.Time]
	ratio atomic.Uint64 // bits of a float64
	// least, bits of a float64, is how full the disk or the account under the stream
	// is, where that is what counts.
	least atomic.Uint64
}

// tight says how full what is under the stream is: from now on Usage gives no less.
func (u *usage) tight(part float64) { u.least.Store(math.Float64bits(part)) }

// Usage gives how full the event stream is, 0 to 1 of its MaxBytes, or what is
// under it, where Watch found that to be fuller: the account, or the disk, which
// counts as 1. It asks the server at most once a second; who comes meanwhile, or
// while the server does not answer, gets what was known: the append itself will
// tell.
func (b *Bus) Usage(ctx context.Context) float64 {
	now, asked := time.Now(), b.usage.asked.Load()
	if (asked == nil || now.Sub(*asked) >= usageAge) && b.usage.asked.CompareAndSwap(asked, &now) {
		ctx, cancel := b.bounded(ctx)
		defer cancel()
		if stream, err := b.js.Stream(ctx, b.subjects.EventStream()); err == nil {
			b.usage.ratio.Store(math.Float64bits(fill(stream.CachedInfo())))
		}
	}
	return max(math.Float64frombits(b.usage.ratio.Load()), math.Float64frombits(b.usage.least.Load()))
}

// fill gives how full a stream is, 0 to 1 of its MaxBytes.
func fill(info *jetstream.StreamInfo) float64 {
	return part(float64(info.State.Bytes), info.Config.MaxBytes)
}

// part gives bytes as a part of a limit; 0 where there is none.
func part(bytes float64, limit int64) float64 {
	if limit <= 0 {
		return 0
	}
	return bytes / float64(limit)
}
