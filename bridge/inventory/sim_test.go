package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"devicebridge/bridge/inventory"
	"devicebridge/events"
)

const every = time.Minute

// TestAnyHistory lets two pollers follow a directory through any interleaving of
// changes, resyncs, lost, late and torn commits, and deaths at every port, and
// holds what a subscriber relies on; once the faults end, every device is known as
// it is.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SampledFrom([]int{5, 50, 250, 1200}).Draw(rt, "steps")
		if violations := simulate(t, rapid.Uint64().Draw(rt, "seed"), steps, false); len(violations) > 0 {
			rt.Fatal(strings.Join(violations, "\n"))
		}
	})
}

// TestTheChecksFindACarelessFeed is the negative control of TestAnyHistory: without
// the look at the cursor the one who was overtaken publishes the past.
func TestTheChecksFindACarelessFeed(t *testing.T) {
	for seed := range uint64(300) {
		if len(simulate(t, seed, 1200, true)) > 0 {
			return
		}
	}
	t.Error("in 300 lives nothing was found")
}

// world is a life of two replicas that stand still at each port until they are
// told what comes of it.
type world struct {
	t        *testing.T
	dice     *rand.Rand
	fleet    *fleet
	feed     *memory
	replicas [2]*replica
	late     []func()
	calm     bool
}

// replica is a poller that runs.
type replica struct {
	w    *world
	kill context.CancelFunc
	done chan struct{}

	mu     sync.Mutex
	port   string // where it stands; empty: it runs or waits
	resume chan verdict
}

// verdict is what comes of a call.
type verdict int

const (
	well verdict = iota
	failed
	lostAnswer
	lateArrival
	torn
	verdicts
)

var errFault = errors.New("a fault")

// simulate gives what was violated in a life of some steps under a seed.
func simulate(t *testing.T, seed uint64, steps int, careless bool) (violations []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, dice: rand.New(rand.NewPCG(seed, 0)), fleet: newFleet(), feed: newMemory()}
		w.feed.careless = careless
		for i := range w.replicas {
			w.start(i)
		}
		for range steps {
			w.step()
		}
		for _, arrive := range w.late {
			arrive()
		}
		w.calm = true
		for range 200 {
			w.goOn()
		}
		for _, r := range w.replicas {
			r.end()
		}
		violations = append(w.feed.check(w.fleet), w.feed.settled(w.fleet)...)
	})
	return violations
}

// step chooses what happens next; to go on comes most often.
func (w *world) step() {
	id := fmt.Sprintf("d%d", w.dice.IntN(5))
	switch n := w.dice.IntN(30); {
	case n < 4:
		w.fleet.set(id, map[string]string{[]string{"a", "b"}[w.dice.IntN(2)]: []string{"1", `"x"`, "null"}[w.dice.IntN(3)]}) // often back to what it was
	case n < 6:
		w.fleet.remove(id, []string{events.ReasonChanged, events.ReasonDeleted}[w.dice.IntN(2)])
	case n < 7:
		w.fleet.forget(w.dice.IntN(2) == 0)
	case n < 8:
		i := w.dice.IntN(2)
		w.replicas[i].end()
		w.start(i)
	case n < 9 && len(w.late) > 0:
		w.late[0]()
		w.late = w.late[1:]
	case n < 11:
		pass(time.Duration(w.dice.IntN(150)) * time.Second)
	default:
		w.goOn()
	}
}

// goOn lets a replica that stands at a port go on, or time pass where none does.
func (w *world) goOn() {
	first := w.dice.IntN(2)
	for i := range w.replicas {
		if w.replicas[(first+i)%2].goOn() {
			return
		}
	}
	pass(2 * every)
}

func (w *world) start(i int) {
	ctx, kill := context.WithCancel(w.t.Context())
	r := &replica{w: w, kill: kill, done: make(chan struct{}), resume: make(chan verdict)}
	p, err := inventory.New(inventory.Options{Source: r, Feed: r, Devices: w.feed, Every: every})
	if err != nil {
		w.t.Fatal(err)
	}
	p.Unspread() // a life must be the same when it is lived again
	go func() {
		defer close(r.done)
		_ = p.Run(ctx) // it gives none
	}()
	w.replicas[i] = r
	synctest.Wait()
}

// end kills a replica wherever it is.
func (r *replica) end() {
	r.kill()
	<-r.done
}

// goOn lets the replica go on from its port, if it stands at one.
func (r *replica) goOn() bool {
	r.mu.Lock()
	standing := r.port != ""
	r.port = ""
	r.mu.Unlock()
	if standing {
		v := well
		if !r.w.calm && r.w.dice.IntN(4) == 0 {
			v = verdict(r.w.dice.IntN(int(verdicts)))
		}
		r.resume <- v
		synctest.Wait()
	}
	return standing
}

// stand stands at a port until the replica is told to go on, or dies.
func (r *replica) stand(ctx context.Context, port string) verdict {
	r.mu.Lock()
	r.port = port
	r.mu.Unlock()
	select {
	case v := <-r.resume:
		return v
	case <-ctx.Done():
		return failed
	}
}

func (r *replica) Delta(ctx context.Context, link string) (inventory.Page, error) {
	if r.stand(ctx, "delta") != well {
		return inventory.Page{}, errFault
	}
	return r.w.fleet.Delta(ctx, link)
}

func (r *replica) InventoryCursor(ctx context.Context) ([]byte, uint64, error) {
	if r.stand(ctx, "cursor") != well {
		return nil, 0, errFault
	}
	return r.w.feed.InventoryCursor(ctx)
}

func (r *replica) CommitInventory(ctx context.Context, batch []events.InventoryAppend, cursor []byte, expected uint64) (uint64, error) {
	whole := len(batch) + 1
	switch v := r.stand(ctx, "commit"); v {
	case well:
		return r.w.feed.commit(batch, cursor, expected, whole)
	case lostAnswer:
		_, _ = r.w.feed.commit(batch, cursor, expected, whole) // whether it was stored is the question
	case lateArrival:
		r.w.late = append(r.w.late, func() { _, _ = r.w.feed.commit(batch, cursor, expected, whole) })
	case torn:
		_, _ = r.w.feed.commit(batch, cursor, expected, whole/2)
	}
	return 0, events.Unavailable("did not confirm")
}
