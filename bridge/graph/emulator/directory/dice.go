package directory

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// sampleRetryAfter is the value in Graph's throttling sample.
const sampleRetryAfter = 2128 * time.Millisecond

// dice decides about faults. All of its state is behind its own lock.
type dice struct {
	mu      sync.Mutex
	faults  Faults
	streams map[Operation]*rand.Rand
}

// reset puts these faults, which must be valid, in place of the ones before and starts all sequences over.
func (d *dice) reset(f Faults, seed uint64) {
	f.Next = slices.Clone(f.Next)
	orElse(&f.RetryAfter, sampleRetryAfter)
	streams := map[Operation]*rand.Rand{}
	for i, op := range Operations() {
		streams[op] = rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // faults must be repeatable, not secret
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults, d.streams = f, streams
}

// current gives the faults as they stand, with what is left of Next.
func (d *dice) current() Faults {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.faults
	f.Next = slices.Clone(f.Next)
	return f
}

// roll gives the fault of the next call of op. Every draw is made whether or not it is used, so that the n-th call's
// do not depend on the ones before.
func (d *dice) roll(op Operation) Fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	drawn := Fault{On: op, Kind: FaultNone, RetryAfter: d.faults.RetryAfter}
	for _, kind := range faultKinds() {
		hit := d.streams[op].Float64() < d.faults.Chance[kind]
		if hit && drawn.Kind == FaultNone && (op == OpDelta || !deltaOnly(kind)) {
			drawn.Kind = kind
		}
	}
	i := slices.IndexFunc(d.faults.Next, func(f Fault) bool {
		return f.On == op || f.On == "" && (op == OpDelta || !deltaOnly(f.Kind))
	})
	if i < 0 {
		return drawn
	}
	forced := d.faults.Next[i]
	d.faults.Next = slices.Delete(d.faults.Next, i, i+1)
	if forced.Kind == FaultThrottle {
		orElse(&forced.RetryAfter, sampleRetryAfter)
	}
	return forced
}

// refusal is the answer in place of the one the call deserves, nil when there is none.
func (f Fault) refusal(o operation, target string) error {
	switch f.Kind {
	case FaultThrottle:
		return throttled(f.RetryAfter, o.writes())
	case FaultServiceUnavailable:
		return wire.Unavailable(f.RetryAfter)
	case FaultServerError:
		return wire.ServerError(http.StatusInternalServerError)
	case FaultUnauthorized:
		return wire.Unauthorised("Lifetime validation failed, the token is expired.", "invalid_token")
	case FaultNotFound:
		return notFound(target)
	}
	return nil
}
