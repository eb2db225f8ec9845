package proof

import (
	"context"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"devicebridge/cmd/devicebridge/proof/lossy"
)

var (
	powerCuts   = flag.Int("power.cuts", 2, "cut the power so many times")
	powerFaults = flag.Int("power.faults", 1, "have the disk fail so many times, with and without a power cut: the first time its syncs")
	powerSeed   = flag.Uint64("power.seed", 0, "decides what happens by chance; 0: another one each time")
)

// TestPowerCut runs the bridge on a disk that forgets at a power cut what was not
// synced, and that fails for a time, as of package lossy. The ledger is outside.
func TestPowerCut(t *testing.T) {
	if !mayMount(t) {
		return
	}
	seed := *powerSeed
	if seed == 0 {
		seed = rand.Uint64N(1_000_000) + 1
	}
	always := map[string]string{"BRIDGE_NATS_SYNC": "always"}
	t.Run("cuts", func(t *testing.T) {
		t.Parallel()
		p := newPowered(t, seed, always)
		p.through(seed, *powerCuts, func(ctx context.Context) {
			pace(ctx, time.Duration(p.rng.Int64N(int64(time.Second))))
			p.cut()
		})
	})
	t.Run("faults, then cuts", func(t *testing.T) {
		t.Parallel()
		p := newPowered(t, seed+1, always)
		p.through(seed+1, *powerFaults, func(ctx context.Context) {
			p.failFor(ctx)
			p.more(ctx, 1) // it promises again
			pace(ctx, time.Duration(p.rng.Int64N(int64(1200*time.Millisecond))))
			p.cut()
		})
	})
	t.Run("cuts during faults", func(t *testing.T) {
		t.Parallel()
		p := newPowered(t, seed+5, always)
		p.through(seed+5, *powerFaults, func(ctx context.Context) {
			p.breakDisk()
			pace(ctx, time.Duration(p.rng.Int64N(int64(3*time.Second))))
			p.cut()
			p.disk.Fail(lossy.Fault{})
		})
	})
	t.Run("faults, then a kill, then cuts", func(t *testing.T) {
		t.Parallel()
		p := newPowered(t, seed+2, always)
		p.through(seed+2, *powerFaults, func(ctx context.Context) {
			p.failFor(ctx)
			p.bridges[0].kill()
			p.start(nil)
			p.more(ctx, 1)
			pace(ctx, time.Duration(p.rng.Int64N(int64(1200*time.Millisecond))))
			p.cut()
		})
	})
	t.Run("only faults", func(t *testing.T) {
		t.Parallel()
		p := newPowered(t, seed+3, always)
		p.through(seed+3, *powerFaults, p.failFor)
	})
	t.Run("control", func(t *testing.T) {
		t.Parallel()
		p := newPowered(t, seed+4, map[string]string{"BRIDGE_NATS_SYNC": "interval"})
		p.control(seed + 4)
	})
}

// through does something to a bridge under load several times, and holds the ledger
// against what comes of it.
func (p *powered) through(seed uint64, times int, do func(context.Context)) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience+time.Duration(times)*time.Minute)
	defer cancel()
	asking, stop := context.WithCancel(ctx)
	defer stop()
	p.start(nil)
	callers := p.load(ctx, asking, seed)
	for range times {
		books, _ := p.ledger.read()
		p.more(ctx, 30)
		if err := p.posted(ctx, len(books.Posts)+30); err != nil {
			p.t.Fatal(err)
		}
		do(ctx)
		if p.bridges[0].over() {
			p.start(nil)
		}
	}
	p.more(ctx, 30)
	stop()
	if err := callers.Wait(); err != nil {
		p.t.Fatal(err)
	}
	record, err := p.settleAsGuest(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	books, _ := p.ledger.read()
	violations := check(books, record)
	report(p.t, books, record, violations)
	p.t.Log(p.line(seed, books, record, violations, time.Since(begin)))
}

// control has the bridge leave the syncs to an interval. The cut takes what was
// acknowledged, and the check must find that.
func (p *powered) control(seed uint64) {
	begin, ctx := time.Now(), within(p.t)
	asking, stop := context.WithCancel(ctx)
	defer stop()
	p.start(nil)
	callers := p.load(ctx, asking, seed)
	p.more(ctx, 200)
	p.cut()
	stop()
	// Where the witness of the stream outlived the cut, or a metafile did not, the bridge
	// does not start until somebody says that the loss is known.
	bridge := p.bridges[0]
	if err := bridge.start(ctx, nil); err != nil && !strings.Contains(err.Error(), "events are missing") && !strings.Contains(err.Error(), "is not as the bridge left it") {
		p.t.Fatal(err)
	} else if err != nil {
		p.start(map[string]string{"BRIDGE_DISPATCH": "paused"})
	}
	if err := callers.Wait(); err != nil {
		p.t.Fatal(err)
	}
	record, err := p.record(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	books, _ := p.ledger.read()
	violations := check(books, record)
	p.t.Log(p.line(seed, books, record, violations, time.Since(begin)))
	found := map[law]bool{}
	for _, v := range violations {
		found[v.Law] = true
	}
	if !found[lost] {
		p.t.Error("the check does not find what a power cut takes that nothing was synced before")
	}
}
