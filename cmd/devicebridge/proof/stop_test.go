package proof

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// stopRounds is how often each bridge is asked to stop.
const stopRounds = 3

// TestStop: bridges are asked to stop in the middle of their work, by SIGTERM, and
// started again. Each ends by itself with exit code 0; nothing is lost, nothing is
// sent twice, and, other than after a kill, no claim is left behind.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]setup{
		"the only bridge":               {},
		"replicas, one after the other": {Cluster: true, Replicas: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.Vars = map[string]string{"BRIDGE_NATS_SYNC": "interval", "BRIDGE_POLL_FIRST": "500ms", "BRIDGE_POLL_MAX": "2s"}
			s.Emulator = emulator.Options{
				Devices: crashDevices(), InlineResponse: true, StepDelay: crashPace / 2,
				Faults: crashFaults(), PostbackRetries: 30, PostbackBackoff: 2 * crashPace,
			}
			stopUnderLoad(t, newRig(t, s))
		})
	}
}

func stopUnderLoad(t *testing.T, r *rig) {
	ctx := within(t)
	asking, stop := context.WithCancel(ctx)
	defer stop()
	load := newCrashLoad(r)
	r.start(nil)
	group, _ := errgroup.WithContext(ctx)
	group.Go(func() error { return load.byService(ctx, asking) })
	group.Go(func() error { return load.byQueue(ctx, asking) })
	for round := range stopRounds {
		for _, bridge := range r.bridges {
			// So many more that each stop meets commands on their way to Graph.
			books, _ := r.ledger.read()
			if err := r.posted(ctx, len(books.Posts)+len(load.kinds)); err != nil {
				t.Fatal(err)
			}
			if err := stopInOrder(ctx, bridge); err != nil {
				t.Fatalf("round %d: %v", round+1, err)
			}
			if err := bridge.start(ctx, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	record, err := r.settleAsGuest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	books, _ := r.ledger.read()
	report(t, books, record, check(books, record))
	for _, id := range abandoned(record) {
		t.Errorf("a claim of %s was left behind by a stop\n%s", id, history(books, record, id))
	}
	t.Logf("%d stops: %s", stopRounds*len(r.bridges), summary(books, record))
}

// stopInOrder asks a bridge to stop and waits for it; one that does not end by
// itself, or not with exit code 0, is an error.
func stopInOrder(ctx context.Context, bridge *program) error {
	if err := bridge.signal(syscall.SIGTERM); err != nil {
		return err
	}
	how, err := bridge.end(ctx)
	if err != nil {
		return err
	}
	if !how.Exited() || how.ExitStatus() != 0 {
		return fmt.Errorf("%s ended with %v, want exit code 0", bridge.name, bridge.current().cmd.ProcessState)
	}
	return nil
}

// abandoned gives the commands whose claim nobody finished: it was found by a timer
// after its lease.
func abandoned(record []event) []string {
	var ids []string
	for _, e := range record {
		if e.Kind == events.KindOf(events.StateOutcomeUnknown) && e.Command.Source == events.SourceTimer {
			ids = append(ids, e.Command.ID)
		}
	}
	return ids
}
