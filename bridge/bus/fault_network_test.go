package bus_test

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestFaultLostReply takes the answer away from a caller whose request was
// stored. Asked again under the same request id, it is the same command, sent
// once.
func TestFaultLostReply(t *testing.T) {
	t.Parallel()
	asks := map[string]func(*testing.T, *bus.Bus) error{
		"receipt": func(t *testing.T, b *bus.Bus) error {
			var receipt events.Receipt
			err := b.Request(within(t), "commands.send", asking("a"), &receipt, 0)
			if err == nil && receipt.Command.ID != events.RequestCommandID("a") {
				t.Errorf("the receipt is of %s", receipt.Command.ID)
			}
			return err
		},
		"acknowledgement of the queue": func(t *testing.T, b *bus.Bus) error {
			_, err := b.Enqueue(within(t), asking("a"))
			return err
		},
	}
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caller, near, p := separated(t)
			g := new(counting)
			br := bridging(t, near, g)
			working(t, near, br)
			serve(t, near, bus.ServiceOptions{}, bus.Endpoint{
				Name:   "commands.send",
				Handle: func(ctx context.Context, c bus.Call) (any, error) { return br.Send(ctx, c.Header, c.Data) },
			})
			id := events.RequestCommandID("a")

			p.losing(replies)
			if err := ask(t, caller); err == nil {
				t.Fatal("the answer was to be lost")
			}
			untilState(t, near, id, events.StateRequesting)
			p.losing(nil)
			if err := ask(t, caller); err != nil {
				t.Fatal(err)
			}
			_, js := client(t, near.URL())
			until(t, "an empty queue", func() bool { return messages(t, js, intakeStream) == 0 })
			if latest, err := near.Latest(within(t), id); err != nil || latest.Command.Sequence != 3 {
				t.Errorf("the command has %d events, %v; want accepted, sending, requesting", latest.Command.Sequence, err)
			}
			if n := messages(t, js, eventStream); n != 3 {
				t.Errorf("%d events are stored, want those of one command", n)
			}
			if n := g.sent(id); n != 1 {
				t.Errorf("%d POSTs", n)
			}
		})
	}
}

// TestFaultBlackHole lets a network swallow everything between a bridge and
// NATS, from some point of a claim on until the bridge has given the claim up.
// What it could not prove to be its own it does not send; and it goes on by
// itself when the network is back.
func TestFaultBlackHole(t *testing.T) {
	t.Parallel()
	anything := func([]byte) bool { return true }
	claim := func(piece []byte) bool { return bytes.Contains(piece, []byte("PUB devicebridge.v1.append.")) }
	for _, c := range []struct {
		name   string
		begins func(toServer []byte) bool
		// arrives says that what it begins with still arrives.
		arrives       bool
		during, after events.State
		posts         int
	}{
		{name: "before the claim", begins: anything, during: events.StateAccepted, after: events.StateRequesting, posts: 1},
		{name: "the claim is lost", begins: claim, during: events.StateAccepted, after: events.StateRequesting, posts: 1},
		{name: "the claim is stored", begins: claim, arrives: true, during: events.StateSending, after: events.StateOutcomeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			far, near, p := separated(t)
			// Where acknowledgements are to go is told to the server before the first is
			// awaited, and no real connection would lose that and go on.
			if err := far.Arm(within(t), events.RandomCommandID(), time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			g := new(counting)
			black := p.blackHole(g, c.arrives, c.begins)
			dispatched := working(t, far, bridging(t, far, g))
			id := accepting(t, near)
			receive(t, "end of the delivery", dispatched)
			if !black.Load() {
				t.Fatal("nothing was lost")
			}
			if n := g.sent(id); n != 0 {
				t.Errorf("%d POSTs without a proven claim", n)
			}
			if latest, err := near.Latest(within(t), id); err != nil || latest.Command.State != c.during {
				t.Errorf("during the outage the command is %s, %v; want %s", latest.Command.State, err, c.during)
			}
			p.losing(nil)
			untilState(t, near, id, c.after)
			if n := g.sent(id); n != c.posts {
				t.Errorf("%d POSTs, want %d", n, c.posts)
			}
		})
	}
}

// TestFaultBlackHoleControl is the same for a bridge that takes every claim for
// its own: it sends.
func TestFaultBlackHoleControl(t *testing.T) {
	t.Parallel()
	far, near, p := separated(t)
	g := new(counting)
	p.blackHole(g, false, func(piece []byte) bool { return bytes.Contains(piece, []byte("PUB devicebridge.v1.append.")) })
	br := bridging(t, far, g)
	br.Stream = credulous{far}
	dispatched := working(t, far, br)
	id := accepting(t, near)
	until(t, "a POST without a claim", func() bool { return g.sent(id) == 1 })
	p.losing(nil)
	receive(t, "end of the delivery", dispatched)
}

// blackHole loses everything, once a bridge is about to claim, from the piece of
// its stream on with which it begins; whether that one arrives is told apart.
func (p *proxy) blackHole(g *counting, arrives bool, begins func(toServer []byte) bool) *atomic.Bool {
	black := new(atomic.Bool)
	var once sync.Once
	g.ready = func() {
		once.Do(func() {
			p.losing(func(toServer bool, piece []byte) bool {
				if black.Load() || !toServer || !begins(piece) {
					return black.Load()
				}
				black.Store(true)
				return !arrives
			})
		})
	}
	return black
}

// accepting gives the id of a command that is to be sent.
func accepting(t *testing.T, b *bus.Bus) string {
	t.Helper()
	receipt, err := bridging(t, b, new(counting)).Send(within(t), nil, []byte(askedFor))
	if err != nil {
		t.Fatal(err)
	}
	return receipt.Command.ID
}

// credulous takes every claim for stored.
type credulous struct{ *bus.Bus }

// Append calls a claim stored whatever became of it.
func (c credulous) Append(ctx context.Context, kind events.Kind, command events.Command, expected uint64) (uint64, error) {
	seq, err := c.Bus.Append(ctx, kind, command, expected)
	if err != nil && kind == events.KindOf(events.StateSending) {
		return expected + 1, nil
	}
	return seq, err
}
