package proof

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/crash"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// crashesAtOnce is how many bridges are killed and started side by side. What
// comes then is waiting for leases, which all do together.
const crashesAtOnce = 4

// crashPasses are the passes of a point at which the bridge is killed, one life of
// it for each.
var crashPasses = flag.String("crash.passes", "1,3", "kill the bridge at these passes of each point, comma separated")

// crashCase is a bridge that is killed at one point.
type crashCase struct {
	name   string
	point  crash.Point
	passes []string
	// fetched: a response payload does not come in the postback, but by a GET.
	fetched bool
}

// crashCases has every point there is, but for those of an erasure, see TestEraseKilled.
func crashCases() []crashCase {
	var list []crashCase
	for _, p := range crash.Points() {
		if erases(p) {
			continue
		}
		c := crashCase{name: string(p), point: p, passes: strings.Split(*crashPasses, ",")}
		if stops(p) {
			c.passes = []string{"1"} // it is passed once
		}
		list = append(list, c)
		if p == crash.PayloadStored {
			c.name, c.fetched = c.name+" after a GET", true
			list = append(list, c)
		}
	}
	return list
}

// stops says whether a point is passed only while the bridge stops.
func stops(p crash.Point) bool { return strings.HasPrefix(string(p), "stop.") }

// erases says whether a point is passed only while a command is erased.
func erases(p crash.Point) bool { return strings.HasPrefix(string(p), "erase.") }

// TestCrash kills the bridge at every point between two steps, starts it again on
// the same files, and holds the ledger against what it then makes of its
// commands. A point that is not passed fails the test.
func TestCrash(t *testing.T) {
	t.Parallel()
	turn := make(chan struct{}, crashesAtOnce)
	var cases sync.WaitGroup
	for _, c := range crashCases() {
		cases.Go(func() { // and not t.Parallel, which would not let so many wait together
			t.Run(c.name, func(t *testing.T) {
				turn <- struct{}{}
				finished := sync.OnceFunc(func() { <-turn })
				defer finished()
				c.run(t, finished)
			})
		})
	}
	cases.Wait()
}

// run calls finished when all that is left is to wait.
func (c crashCase) run(t *testing.T, finished func()) {
	ctx := within(t)
	r := newRig(t, setup{
		Crash: true,
		Vars: map[string]string{
			"BRIDGE_NATS_SYNC": "interval", "BRIDGE_GRAPH_POST_TIMEOUT": "1s", "BRIDGE_POLL_FIRST": "500ms", "BRIDGE_POLL_MAX": "2s",
		},
		Emulator: emulator.Options{
			Devices: crashDevices(), InlineResponse: !c.fetched, StepDelay: 50 * time.Millisecond,
			Faults: crashFaults(), PostbackRetries: 30, PostbackBackoff: 200 * time.Millisecond,
		},
	})
	load := newCrashLoad(r)
	asking, stop := context.WithCancel(ctx)
	defer stop()
	group, _ := errgroup.WithContext(ctx)
	bridge := r.bridges[0]
	for i, pass := range c.passes {
		at := map[string]string{"CRASH_AT": fmt.Sprintf("%s:%s", c.point, pass)}
		if i == 0 {
			r.start(at)
			group.Go(func() error { return load.byService(ctx, asking) })
			group.Go(func() error { return load.byQueue(ctx, asking) })
		} else if err := bridge.launch(at); err != nil { // it may not live until it is ready
			t.Fatal(err)
		}
		if stops(c.point) {
			if err := load.underWay(ctx); err != nil {
				t.Fatal(err)
			}
			if err := bridge.signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
		if how, err := bridge.end(ctx); err != nil || how.Signal() != syscall.SIGKILL {
			t.Fatalf("the bridge should have killed itself at pass %s of %s; it ended with %v, %v", pass, c.point, how, err)
		}
	}
	stop()
	r.start(nil)
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	finished()
	record, err := r.settleAsGuest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	books, _ := r.ledger.read()
	report(t, books, record, check(books, record))
	t.Log(summary(books, record))
	if c.point == crash.DispatchClaimed && !gaveUpUnsent(books, record) {
		t.Error("no command was claimed, never sent and called outcomeUnknown")
	}
}

// summary is a line of figures.
func summary(b books, record []event) string {
	timelines, ids := timelinesOf(record)
	ends := map[events.State]int{}
	unknown := 0
	for _, id := range ids {
		timeline := timelines[id]
		ends[timeline[len(timeline)-1].Command.State]++
		for _, e := range timeline {
			if e.Kind == events.KindOf(events.StateOutcomeUnknown) {
				unknown++
			}
		}
	}
	return fmt.Sprintf("commands %d, events %d, POSTs %d, postbacks %d, outcomeUnknown %d, ends %v",
		len(ids), len(record), len(b.Posts), len(b.Postbacks), unknown, ends)
}

// gaveUpUnsent says whether there is a command of unknown outcome that Graph
// never saw.
func gaveUpUnsent(b books, record []event) bool {
	sent := map[string]bool{}
	for _, p := range b.Posts {
		sent[p.Command] = true
	}
	for _, e := range record {
		if e.Kind == events.KindOf(events.StateOutcomeUnknown) && e.Command.Source == events.SourceTimer && !sent[e.Command.ID] {
			return true
		}
	}
	return false
}
