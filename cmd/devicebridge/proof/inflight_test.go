package proof

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

var (
	inFlight = flag.Int("inflight.commands", 100_000, "how many commands BenchmarkInFlight has under way at once")
	// A life has to be longer than it takes to send all, and all have to end before
	// the first sweep, which would be measured too.
	inFlightLife = flag.Duration("inflight.life", 6*time.Minute, "how long each of them may take")
	inFlightRest = flag.Duration("inflight.rest", 150*time.Second, "how long after the last was sent memory is read")
)

// inFlightMemory bounds the memory of the bridge, with the NATS server inside, in
// MiB.
const inFlightMemory = 1024

// BenchmarkInFlight has as many commands under way at once, each with its durable
// timer, as its flag says, and then lets them all expire:
//
//	go test ./cmd/devicebridge/proof -run '^$' -bench InFlight -benchtime 1x -timeout 30m
//
// Graph takes every command and says no more about it. The whole is on one
// machine, Graph and the caller too.
func BenchmarkInFlight(b *testing.B) {
	b.ReportMetric(0, "ns/op") // a benchmark of memory; the times are below
	for range b.N {
		inFlightRun(b, *inFlight, *inFlightLife)
	}
}

func inFlightRun(b *testing.B, n int, life time.Duration) {
	ctx, cancel := context.WithTimeout(b.Context(), 3*life+5*time.Minute)
	defer cancel()
	r := newRig(b, setup{
		Vars: map[string]string{
			"BRIDGE_NATS_SYNC": "interval", "BRIDGE_GRAPH_POST_TIMEOUT": "30s", "BRIDGE_SWEEP_EVERY": "1h",
			// The one timer of a command is that of its end.
			"BRIDGE_POLL_FIRST": "24h", "BRIDGE_POLL_MAX": "24h",
		},
		Emulator: emulator.Options{Devices: crashDevices(), MaxCommands: n + 1},
	})
	r.start(nil)
	pid := r.bridges[0].current().cmd.Process.Pid
	b.ReportMetric(memory(b, pid, "VmRSS"), "MiB-idle")
	counts := newKindCounts(ctx, b, r, events.StateAccepted, events.StateRequesting, events.StateTimedOut)

	begin := time.Now()
	if err := r.enqueueAll(ctx, n, life); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(begin).Seconds(), "s-queued")
	counts.await(ctx, b, events.StateAccepted, n)
	b.ReportMetric(time.Since(begin).Seconds(), "s-accepted")
	counts.await(ctx, b, events.StateRequesting, n)
	b.ReportMetric(time.Since(begin).Seconds(), "s-sent")

	timers, err := r.streamState(ctx, r.subjects.TimerStream())
	if err != nil {
		b.Fatal(err)
	}
	if timers.Msgs != uint64(n) {
		b.Errorf("%d timers stand for %d commands", timers.Msgs, n)
	}
	b.ReportMetric(memory(b, pid, "VmRSS"), "MiB-sent")
	// What the burst took is given back within half a minute, and the NATS server lets
	// go of its caches within two.
	pace(ctx, *inFlightRest)
	b.ReportMetric(memory(b, pid, "VmRSS"), "MiB-inflight")
	if early := counts.now(ctx, b, events.StateTimedOut); early > 0 {
		b.Fatalf("%d commands ended before the last was sent; -inflight.life=%s is too short here", early, life)
	}

	counts.await(ctx, b, events.StateTimedOut, n)
	b.ReportMetric(time.Since(begin).Seconds(), "s-ended")
	peak := memory(b, pid, "VmHWM")
	b.ReportMetric(peak, "MiB-peak")
	if peak > inFlightMemory {
		b.Errorf("the bridge took %.0f MiB for %d commands; the bound is %d", peak, n, inFlightMemory)
	}
	record, err := r.settleAsGuest(ctx)
	if err != nil {
		b.Fatal(err)
	}
	books, _ := r.ledger.read()
	report(b, books, record, check(books, record))
	reportLateness(b, record)
	b.Log(summary(books, record))
}

// enqueueAll puts n requests into the queue and waits until each is acknowledged.
func (r *rig) enqueueAll(ctx context.Context, n int, life time.Duration) error {
	type waiting struct {
		acknowledge func(string)
		ack         jetstream.PubAckFuture
	}
	var list []waiting
	for i := range n {
		marker := fmt.Sprintf("inflight-%d", i)
		body, err := events.Marshal(request(marker, silentDevice, events.TypeAppService, life))
		if err != nil {
			return err
		}
		acknowledge := r.ledger.ask(asked{Marker: marker, Queued: true})
		ack, err := r.js.PublishAsync(r.subjects.Intake(), body, jetstream.WithStallWait(patience))
		if err != nil {
			return fmt.Errorf("request %s: %w", marker, err)
		}
		list = append(list, waiting{acknowledge, ack})
	}
	for _, w := range list {
		select {
		case <-w.ack.Ok():
			w.acknowledge("")
		case err := <-w.ack.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// reportLateness reports how long after its time a command ended.
func reportLateness(b *testing.B, record []event) {
	var late []time.Duration
	for _, e := range record {
		if e.Kind == events.KindOf(events.StateTimedOut) {
			late = append(late, e.At.Sub(e.Command.ExpiresAt))
		}
	}
	if len(late) == 0 {
		b.Fatal("no command timed out")
	}
	slices.Sort(late)
	b.ReportMetric(late[len(late)/2].Seconds(), "s-late-p50")
	b.ReportMetric(late[len(late)*99/100].Seconds(), "s-late-p99")
	b.ReportMetric(late[len(late)-1].Seconds(), "s-late-max")
}
