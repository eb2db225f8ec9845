package proof

import (
	"context"
	"fmt"
	"time"
)

// settle waits until nothing is left to do: the queue is empty, every command
// that was acknowledged is in the stream and all of them have ended, and Graph
// has said all it has to say. Graph takes no new commands after that. It gives
// the whole record.
func (r *rig) settle(ctx context.Context) ([]event, error) {
	if err := r.queueEmpty(ctx); err != nil {
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

func (r *rig) queueEmpty(ctx context.Context) error {
	for {
		state, err := r.streamState(ctx, r.subjects.IntakeStream())
		if err != nil || state.Msgs == 0 {
			return err
		}
		if !pace(ctx, 250*time.Millisecond) {
			return fmt.Errorf("%d requests are still in the queue: %w", state.Msgs, ctx.Err())
		}
	}
}

// ended waits until every acknowledged request has a command and every command
// has ended, and tells which did not.
func (r *rig) ended(ctx context.Context) error {
	books, _ := r.ledger.read()
	wanted := map[string]bool{} // markers of acknowledged requests without a command so far
	for _, a := range books.Asked {
		if a.Acknowledged && a.Marker != "" {
			wanted[a.Marker] = true
		}
	}
	state, err := r.streamState(ctx, r.subjects.EventStream())
	if err != nil {
		return err
	}
	open := map[string]string{}
	if len(wanted) == 0 && state.Msgs == 0 {
		return nil
	}
	err = r.follow(ctx, func(e event) (bool, error) {
		delete(wanted, markerOf(e.Command.Payload))
		open[e.Command.ID] = string(e.Kind)
		if e.Command.Ended() {
			delete(open, e.Command.ID)
		}
		return e.Sequence < state.LastSeq || len(wanted)+len(open) > 0, nil
	})
	if err != nil {
		return fmt.Errorf("%d acknowledged requests are without a command and %d commands have not ended: %v: %w", len(wanted), len(open), open, err)
	}
	return nil
}
