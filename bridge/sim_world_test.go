package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge"
	"devicebridge/events"
)

// world is a simulation of two bridges over one stream, one set of timers and
// one Graph, inside a testing/synctest bubble. Every call of a bridge to a port
// stops there until the scheduler lets it go on, fails it, loses its
// acknowledgement or kills its replica. So each interleaving, with each fault and
// each crash point, is one list of choices.
type world struct {
	t       *testing.T
	choices []uint64
	store   *memory
	graph   *ledger
	// calm ends all faults.
	calm bool
	// confirm: the bridges take a terminal postback for a hint.
	confirm bool
	// lies makes a claim that was not proven look won, early lets a POST go before
	// its claim is stored, deaf forgets timers, hasty acknowledges a postback that
	// was not stored. They are faults of the bridge itself, to see that the checks
	// find them.
	lies, early, deaf, hasty bool

	replicas [2]*bridge.Bridge
	messages []*message

	mu         sync.Mutex
	tasks      []*task
	violations []string
}

// message is one delivery of a durable consumer that is not acknowledged yet.
type message struct {
	command string
	// from is the accepted event; of a due timer it has none.
	from    events.Stored
	timer   bool
	confirm int // the try of an Ask
	count   uint64
	visible time.Time
}

// task is one step of a bridge that is under way.
type task struct {
	replica int
	// port is where it waits for the scheduler; empty while it runs or sleeps.
	port   string
	resume chan verdict
	killed bool
}

type taskKey struct{}

// simMessage is the largest message; simPayload is a response payload that does
// not fit it beside a record.
const simMessage = 26 << 10

func simPayload() json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", 2<<10) + `"`) }

// simulate gives what broke a law in the life that the choices stand for.
func simulate(t *testing.T, choices []uint64, change func(*world)) (violations []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, choices: choices, store: new(memory), graph: &ledger{posts: make(map[string][]*post)}}
		w.confirm = w.choose(3) == 0
		w.restart(0)
		w.restart(1)
		if change != nil {
			change(w)
		}
		violations = w.live()
	})
	return violations
}

// choose gives the next choice, below n; 0 when there are no more.
func (w *world) choose(n int) int {
	if len(w.choices) == 0 {
		return 0
	}
	// rapid prefers small numbers; the product with an odd constant spreads them.
	next := w.choices[0] * 0x9E3779B97F4A7C15 >> 33
	w.choices = w.choices[1:]
	return int(next) % n
}

// pick chooses one of a list that is not empty.
func pick[T any](w *world, list []T) T { return list[w.choose(len(list))] }

// restart gives a replica an empty memory.
func (w *world) restart(i int) {
	p := ports{w}
	b, err := bridge.New(bridge.Options{
		Stream: p, Shelf: p, Watcher: p, Timers: p, Payloads: p, Eraser: p, Sender: p, Observer: p, Directory: new(scripted), Callbacks: urls{},
		Lease: lease, MaxMessage: simMessage, ConfirmPostbacks: w.confirm,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.replicas[i] = b
}

func (w *world) violate(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

// begin runs step on a replica until it ends or waits at a port. end is called
// unless the replica is killed before.
func (w *world) begin(replica int, step func(context.Context, *bridge.Bridge)) {
	t := &task{replica: replica, resume: make(chan verdict)}
	w.mu.Lock()
	w.tasks = append(w.tasks, t)
	w.mu.Unlock()
	b := w.replicas[replica]
	go func() {
		defer func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.tasks = slices.DeleteFunc(w.tasks, func(other *task) bool { return other == t })
		}()
		step(context.WithValue(context.Background(), taskKey{}, t), b)
	}()
	synctest.Wait()
}

// deliver hands a message to a replica.
func (w *world) deliver(m *message, replica int) {
	m.count++
	m.visible = time.Now().Add(lease) // the acknowledgement time
	d := bridge.Delivery{Count: m.count, Confirm: m.confirm, Alive: func() error { m.visible = time.Now().Add(lease); return nil }}
	w.begin(replica, func(ctx context.Context, b *bridge.Bridge) {
		var wait time.Duration
		if m.timer {
			wait = b.Look(ctx, m.command, d)
		} else {
			wait = b.Dispatch(ctx, m.from, d)
		}
		if m.visible = time.Now().Add(wait); wait == 0 {
			w.messages = slices.DeleteFunc(w.messages, func(other *message) bool { return other == m })
		}
	})
}

// kill ends every step of a replica where it stands and starts it anew.
func (w *world) kill(replica int) {
	w.mu.Lock()
	var waiting []*task
	for _, t := range w.tasks {
		if t.replica == replica {
			t.killed = true
			if t.port != "" {
				waiting = append(waiting, t)
			}
		}
	}
	w.mu.Unlock()
	for _, t := range waiting {
		t.resume <- crash
	}
	w.restart(replica)
	synctest.Wait()
}

// pass lets time go by, and turns the timers that are due into messages.
func (w *world) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	for _, id := range slices.Sorted(keys(w.store.timers)) {
		if !w.store.timers[id].After(time.Now()) {
			delete(w.store.timers, id)
			w.messages = append(w.messages, &message{command: id, timer: true, visible: time.Now()})
		}
	}
	w.ask()
}

// ask turns the questions that are due into messages.
func (w *world) ask() {
	for _, id := range slices.Sorted(keys(w.store.asks)) {
		if a := w.store.asks[id]; !a.at.After(time.Now()) {
			delete(w.store.asks, id)
			w.messages = append(w.messages, &message{command: id, timer: true, confirm: a.try, visible: time.Now()})
		}
	}
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// parked gives the steps that wait for the scheduler.
func (w *world) parked() []*task {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.tasks), func(t *task) bool { return t.port == "" })
}

// running gives the number of steps under way.
func (w *world) running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.tasks)
}

// due gives the messages that a consumer would get now.
func (w *world) due() []*message {
	return slices.DeleteFunc(slices.Clone(w.messages), func(m *message) bool { return m.visible.After(time.Now()) })
}

// end kills what is still under way.
func (w *world) end() {
	for i := range w.replicas {
		w.kill(i)
	}
}
