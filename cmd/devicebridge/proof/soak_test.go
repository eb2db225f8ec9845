package proof

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/graph/emulator"
)

var (
	soakFor  = flag.Duration("soak.for", 15*time.Second, "how long the soak's faults go on")
	soakSeed = flag.Uint64("soak.seed", 0, "the soak's seed; 0: another one each time")
)

const (
	soakReplicas = 3
	// soakLife is the longest life of a command of the soak; the shortest is two
	// thirds of it. queuedLife is the same for one that may have to wait in the queue
	// for as long first, when the replica that had it died. With a lease they bound
	// how long the end takes to come.
	soakLife, queuedLife = 30 * time.Second, 15 * time.Second
	// soakEnd is more than a life, a lease and what restarts take.
	soakEnd = 4 * time.Minute
)

// TestSoak: replicas and servers come and go, Graph answers badly or not at all,
// and every command ends, sent once.
func TestSoak(t *testing.T) {
	t.Parallel()
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("go test ./cmd/devicebridge/proof -run Soak -v -soak.for=%s -soak.seed=%d", *soakFor, seed)
	begin := time.Now()
	r := newRig(t, setup{Cluster: true, Replicas: soakReplicas, Emulator: emulator.Options{
		Faults: soakFaults(seed), StepDelay: 250 * time.Millisecond, PostbackRetries: 6,
	}})
	r.start(nil)

	life, cancel := context.WithTimeout(t.Context(), *soakFor+soakEnd)
	defer cancel()
	trouble, stop := context.WithTimeout(life, *soakFor)
	defer stop()
	all := newChaos(r, seed)
	group, _ := errgroup.WithContext(life)
	for _, v := range all.victims {
		group.Go(func() error { return v.torment(trouble, life) })
	}
	for _, c := range newCallers(r, seed) {
		group.Go(func() error { return c.ask(trouble, life) })
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}

	record, err := r.settle(life)
	if err != nil {
		t.Error(err)
		if record, err = r.record(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range all.victims {
		if v.over() {
			t.Errorf("%s ended of itself (%v)", v.name, v.current().cmd.ProcessState)
		}
	}
	books, _ := r.ledger.read()
	violations := check(books, record)
	t.Log(figures(books, record, violations, all, seed, time.Since(begin)))
	report(t, books, record, violations)
}

// soakFaults is a Graph on a bad day.
func soakFaults(seed uint64) emulator.Faults {
	return emulator.Faults{
		Seed: seed, DelayMax: 300 * time.Millisecond, RetryAfter: 700 * time.Millisecond,
		Throttle: 0.03, ServiceUnavailable: 0.03, ServiceUnavailableBare: 0.03, ServerError: 0.04, AnswerLost: 0.05,
		PostbackBeforeAnswer: 0.05, PostbackLost: 0.05, PostbackDuplicated: 0.15, PostbackReordered: 0.15,
	}
}
