package bus

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"
)

const (
	// groupAlone is how many appends are under way each on its own before others wait,
	// and groupFrom from how many waiting ones on they are stored as one batch. A batch
	// costs the server as much as eight to twelve appends: it is staged in files of its
	// own, which are synced too. With fewer waiting it gains nothing, and with more under
	// way alone there are seldom as many.
	groupAlone = 8
	groupFrom  = 20
	// groupMost bounds a batch; the server takes 1000.
	groupMost = 256
	// groupSize is how long, in bytes, the body of an event in a batch may be. Larger
	// ones are worth a sync of their own.
	groupSize = 64 << 10
)

// group has appends of different commands share one sync of the disk where the
// server syncs each before it acknowledges it. While few are under way each goes on
// its own, at once; what comes beyond waits for one of them to end, and when as many
// wait as make it worth while they go as one atomic batch. So a lone append waits for
// nobody.
//
// Each keeps its own compare-and-set. A batch is refused as a whole, so it never has
// two of one command, and none of a command of which another is under way. It needs no
// goroutine of its own: of those who wait the first publishes for all.
type group struct {
	to publisher
	// most is groupAlone and from groupFrom, unless a test sets less.
	most, from int

	mu sync.Mutex
	// singles counts the appends under way on their own, by command.
	singles map[string]int
	flying  int
	batched bool // a batch is under way
	queue   []*entry
}

// publisher is the event stream as a group has it.
type publisher interface {
	// alone stores one append and gives its sequence.
	alone(ctx context.Context, e *entry) (uint64, error)
	// together stores all of a batch, or none, and gives the sequence of the first; the
	// others follow on it.
	together(batch []*entry) (uint64, error)
	// culprit gives the command of a batch that together refused because of its append
	// alone, empty where that is not known. refused is false where together's error does
	// not say that nothing was stored.
	culprit(err error) (command string, refused bool)
}

// entry is one append in the group.
type entry struct {
	msg      *nats.Msg
	command  string
	expected uint64
	// taken: it is in a batch. gone: nobody waits for it.
	taken, gone bool
	// turn tells the waiting one what to do; it has room for one word.
	turn chan turn
}

// turn is what a waiting append is told: its result, to go on its own, or to publish a
// batch, of which it is the first.
type turn struct {
	result *result
	batch  []*entry
}

// result is what came of an append.
type result struct {
	sequence uint64
	err      error
}

func newGroup(to publisher) *group { return &group{to: to, most: groupAlone, from: groupFrom} }

// publish stores an append, alone or with others.
func (g *group) publish(ctx context.Context, e *entry) (uint64, error) {
	if g.enter(e) {
		return g.goAlone(ctx, e)
	}
	var next turn
	select {
	case next = <-e.turn:
	case <-ctx.Done():
		var has bool
		if next, has = g.leave(e); !has {
			return 0, ctx.Err() // not sent, or in a batch whose end is open
		}
	}
	switch {
	case next.result != nil:
		return next.result.sequence, next.result.err
	case next.batch == nil:
		return g.goAlone(ctx, e)
	}
	return g.lead(ctx, next.batch)
}

func newEntry(msg *nats.Msg, command string, expected uint64) *entry {
	return &entry{msg: msg, command: command, expected: expected, turn: make(chan turn, 1)}
}

// enter says whether e may go on its own now; if not it waits for its turn.
func (g *group) enter(e *entry) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(e.msg.Data) <= groupSize && (g.batched || g.flying >= g.most) {
		g.queue = append(g.queue, e)
		g.proceed()
		return false
	}
	g.depart(e)
	return true
}

func (g *group) depart(e *entry) {
	if g.singles == nil {
		g.singles = make(map[string]int)
	}
	g.flying++
	g.singles[e.command]++
}

// leave is for one that does not wait any longer; its turn may have come in the same
// moment, and then it has to be taken.
func (g *group) leave(e *entry) (next turn, has bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case next = <-e.turn:
		return next, true
	default:
	}
	e.gone = true
	g.queue = slices.DeleteFunc(g.queue, func(other *entry) bool { return other == e })
	return turn{}, false
}

func (g *group) goAlone(ctx context.Context, e *entry) (uint64, error) {
	sequence, err := g.to.alone(ctx, e)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flying--
	if g.singles[e.command]--; g.singles[e.command] == 0 {
		delete(g.singles, e.command)
	}
	if err == nil {
		g.overtake(map[string]uint64{e.command: sequence})
	}
	g.proceed()
	return sequence, err
}

// errOvertaken says that a later event of the command was stored than its append
// expects.
var errOvertaken = errors.New("a later event of the command was stored")

// overtake answers those that wait for a command of which a later event was stored
// than the one they expect: the server would refuse them, and their batch with them.
func (g *group) overtake(stored map[string]uint64) {
	g.queue = slices.DeleteFunc(g.queue, func(e *entry) bool {
		sequence, is := stored[e.command]
		if !is || e.expected >= sequence {
			return false
		}
		e.turn <- turn{result: &result{err: errOvertaken}}
		return true
	})
}

// proceed gives those that wait their turn.
func (g *group) proceed() {
	if g.batched {
		return
	}
	if len(g.queue) >= g.from {
		if batch := g.gather(); len(batch) >= g.from {
			for _, e := range batch {
				e.taken = true
			}
			g.queue = slices.DeleteFunc(g.queue, func(e *entry) bool { return e.taken })
			g.batched = true
			batch[0].turn <- turn{batch: batch}
			return
		}
	}
	for g.flying < g.most && len(g.queue) > 0 {
		e := g.queue[0]
		g.queue = g.queue[1:]
		g.depart(e)
		e.turn <- turn{}
	}
}

// gather gives what can go as one batch, in the order in which it came.
func (g *group) gather() []*entry {
	taken := make(map[string]bool, len(g.queue))
	var batch []*entry
	for _, e := range g.queue {
		if g.singles[e.command] > 0 || taken[e.command] || len(batch) == groupMost {
			continue
		}
		taken[e.command] = true
		batch = append(batch, e)
	}
	return batch
}
