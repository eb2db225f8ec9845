package proof

import (
	"context"
	"fmt"
)

// settleAsGuest is settle on the embedded server, where a client may not read the
// queue: nothing is left to do there when all of it was delivered and
// acknowledged, so that what comes again was seen too.
func (r *rig) settleAsGuest(ctx context.Context) ([]event, error) {
	if err := r.ended(ctx); err != nil {
		return nil, err
	}
	if err := r.delivered(ctx); err != nil {
		return nil, err
	}
	if err := r.ended(ctx); err != nil {
		return nil, err
	}
	if err := r.graph.Shutdown(ctx); err != nil {
		return nil, fmt.Errorf("Graph still has postbacks to deliver: %w", err)
	}
	return r.record(ctx)
}

// delivered waits until the queue's consumer has nothing to deliver and waits for
// no acknowledgement.
func (r *rig) delivered(ctx context.Context) error {
	for {
		consumer, err := r.js.Consumer(ctx, r.subjects.IntakeStream(), "intake")
		if err != nil {
			return fmt.Errorf("look at the queue: %w", err)
		}
		info := consumer.CachedInfo()
		if info.NumPending == 0 && info.NumAckPending == 0 {
			state, err := r.streamState(ctx, r.subjects.IntakeStream())
			if err == nil && state.Msgs > 0 {
				r.t.Logf("%d messages stay in the queue, from %d to %d; of its consumer, delivered %+v, acknowledged up to %+v",
					state.Msgs, state.FirstSeq, state.LastSeq, info.Delivered, info.AckFloor)
			}
			return err
		}
		if !pace(ctx, tryEvery) {
			return fmt.Errorf("%d requests are to be delivered from the queue and %d to be acknowledged: %w", info.NumPending, info.NumAckPending, ctx.Err())
		}
	}
}
