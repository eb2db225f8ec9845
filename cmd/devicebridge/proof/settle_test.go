package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// settle waits until nothing is left to do: every request that was acknowledged
// is a command, all commands have ended, none is still to come from the queue, and
// Graph has said all it has to say. Graph takes no new commands after that. It
// gives the whole record.
func (r *rig) settle(ctx context.Context) ([]event, error) {
	for untaken := 1; untaken > 0; {
		if err := r.ended(ctx); err != nil {
			return nil, err
		}
		record, err := r.record(ctx)
		if err != nil {
			return nil, err
		}
		if untaken, err = r.untaken(ctx, record); err != nil {
			return nil, err
		}
		if untaken > 0 && !pace(ctx, time.Second) {
			return nil, fmt.Errorf("%d requests are still in the queue: %w", untaken, ctx.Err())
		}
	}
	if err := r.graph.Shutdown(ctx); err != nil {
		return nil, fmt.Errorf("Graph still has postbacks to deliver: %w", err)
	}
	return r.record(ctx)
}

// untaken counts the requests in the queue that are no commands yet. One that is
// may stay there for a while: its acknowledgement can get lost with a server.
func (r *rig) untaken(ctx context.Context, record []event) (int, error) {
	taken := map[string]bool{}
	for _, e := range record {
		taken[markerOf(e.Command.Payload)] = true
	}
	state, err := r.streamState(ctx, r.subjects.IntakeStream())
	if err != nil || state.Msgs == 0 {
		return 0, err
	}
	stream, err := r.js.Stream(ctx, r.subjects.IntakeStream())
	if err != nil {
		return 0, err
	}
	count := 0
	for n := state.FirstSeq; n <= state.LastSeq; n++ {
		msg, err := stream.GetMsg(ctx, n)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read the queue: %w", err)
		}
		var q events.Request
		if json.Unmarshal(msg.Data, &q) == nil && !taken[markerOf(q.Payload)] {
			count++
		}
	}
	return count, nil
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
