package proof

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/crash"
)

// TestTimersKilled kills the bridge again and again while the timers of many
// commands fire: each fires all the same, and has its effect once.
func TestTimersKilled(t *testing.T) {
	t.Parallel()
	const commands, each = 500, 100
	ctx := within(t)
	r := newRig(t, setup{Crash: true, Vars: map[string]string{"BRIDGE_NATS_SYNC": "interval", "BRIDGE_GRAPH_POST_TIMEOUT": "1s"}})
	bridge := r.bridges[0]
	at := func(p crash.Point) map[string]string {
		return map[string]string{"CRASH_AT": fmt.Sprintf("%s:%d", p, each)}
	}
	r.start(at(crash.TimerFired))
	due := time.Now().Add(8 * time.Second)
	var asked atomic.Int64
	group, groupCtx := errgroup.WithContext(ctx)
	for range 16 {
		group.Go(func() error {
			for n := asked.Add(1); n <= commands; n = asked.Add(1) {
				if _, err := r.callback(groupCtx, fmt.Sprintf("timer-%d", n), time.Until(due).Round(time.Millisecond)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, next := range []crash.Point{crash.TimerWorked, crash.TimerFired, ""} {
		if how, err := bridge.end(ctx); err != nil || how.Signal() != syscall.SIGKILL {
			t.Fatalf("the bridge should have killed itself; it ended with %v, %v", how, err)
		}
		if next == "" {
			r.start(nil)
		} else if err := bridge.launch(at(next)); err != nil {
			t.Fatal(err)
		}
	}
	record, err := r.settle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	books, _ := r.ledger.read()
	report(t, books, record, check(books, record))
	timelines, ids := timelinesOf(record)
	if len(ids) != commands {
		t.Errorf("there are %d commands, want %d", len(ids), commands)
	}
	for _, id := range ids {
		if len(timelines[id]) != 2 {
			t.Errorf("command %s is not just registered and timed out:\n%s", id, history(books, record, id))
		}
	}
	t.Log(summary(books, record))
}
