package bus_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

const (
	linearClients = 32
	// linearSteps is how many pairs of a read and an append each client does.
	linearSteps = 15
)

// TestFaultLinearizable lets 32 clients claim, append to and read commands, on
// one server and on three, and asks whether everything they were told could have
// happened in one order, one thing after the other.
func TestFaultLinearizable(t *testing.T) {
	t.Parallel()
	for _, commands := range []int{1, 8} {
		t.Run(fmt.Sprintf("one server, %d commands", commands), func(t *testing.T) {
			t.Parallel()
			server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
			buses := []*bus.Bus{connect(t, bus.Options{Server: server}), connect(t, bus.Options{Server: server})}
			ensure(t, buses[0], small())
			checkLinearizable(t, buses, commands)
		})
	}
	t.Run("one server that syncs, in groups", func(t *testing.T) {
		t.Parallel()
		server := syncing(t)
		buses := []*bus.Bus{connect(t, bus.Options{Server: server}), connect(t, bus.Options{Server: server})}
		for _, b := range buses {
			b.GroupFrom(2)
		}
		ensure(t, buses[0], small())
		checkLinearizable(t, buses, 8)
		if batched(t, server) == 0 {
			t.Error("no append went in a batch")
		}
	})
	t.Run("three servers", func(t *testing.T) {
		t.Parallel()
		var buses []*bus.Bus
		for _, s := range cluster(t) {
			buses = append(buses, connect(t, bus.Options{URL: s.ClientURL()}))
		}
		options := small()
		options.Replicas = 3
		ensure(t, buses[0], options)
		for _, commands := range []int{1, 8} {
			checkLinearizable(t, buses, commands)
		}
	})
}

// checkLinearizable runs the clients and checks their history; then it checks
// what the history would be if the bus had told them wrong.
func checkLinearizable(t *testing.T, buses []*bus.Bus, commands int) {
	t.Helper()
	history := settled(t, buses[0], runClients(t, buses, commands))
	if !linearizable(history) {
		t.Errorf("the history of %d operations on %d commands has no order", len(history), commands)
	}
	// Of the clients that all read before anybody appended, one a command can win.
	if wins, appends := len(effective(history)), len(history)/2; wins < 2*commands || wins > appends-(linearClients-commands) {
		t.Errorf("%d wins in %d operations are no contest", wins, len(history))
	}
	for name, doctored := range map[string][]porcupine.Operation{
		"two winners onto one event": twoWinners(t, history),
		"a read of an old event":     oldRead(t, history),
		"an append that vanished":    vanished(t, history),
	} {
		if linearizable(doctored) || porcupine.CheckOperations(commandRegisters(), doctored) {
			t.Errorf("the check does not notice %s", name)
		}
	}
}

// told is an operation as a client saw it.
type told struct {
	porcupine.Operation
	err error
}

// runClients lets each client read a command and append onto what it read, or, one
// time in four, onto what it read the time before.
func runClients(t *testing.T, buses []*bus.Bus, commands int) []told {
	t.Helper()
	var (
		mu      sync.Mutex
		history []told
		clients sync.WaitGroup
		began   = time.Now()
		ids     []string
		reads   sync.WaitGroup // the first of each client
	)
	reads.Add(linearClients)
	for range commands {
		ids = append(ids, events.RandomCommandID())
	}
	note := func(client int, in registerInput, call time.Duration, out register, err error) {
		mu.Lock()
		defer mu.Unlock()
		history = append(history, told{porcupine.Operation{
			ClientId: client, Input: in, Call: int64(call), Output: out, Return: int64(time.Since(began)),
		}, err})
	}
	for client := range linearClients {
		b := buses[client%len(buses)]
		clients.Go(func() {
			before := make(map[string]events.Stored)
			for step := range linearSteps {
				id := ids[(client+step)%len(ids)]
				call := time.Since(began)
				latest, err := b.Latest(within(t), id)
				if step == 0 {
					reads.Done()
					reads.Wait()
				}
				if err != nil && !events.HasCode(err, events.CodeNotFound) {
					t.Errorf("read: %v", err)
					return
				}
				note(client, registerInput{command: id}, call, register{latest.Sequence, latest.Writer}, nil)
				onto := latest
				if step%4 == 3 {
					onto = before[id]
				}
				before[id] = latest

				kind, c := events.KindOf(events.StateSending), record(id, onto.Command.Sequence+1)
				if onto.Sequence == 0 {
					kind = events.KindOf(events.StateAccepted)
				}
				c.CorrelationID = fmt.Sprintf("%d/%d", client, step)
				call = time.Since(began)
				seq, err := b.Append(within(t), kind, c, onto.Sequence)
				note(client, registerInput{id, c.CorrelationID, onto.Sequence}, call, register{seq, c.CorrelationID}, err)
			}
		})
	}
	clients.Wait()
	return history
}

// settled gives the history as it was, by the stream's own account: an event is
// known by the correlation id that its client gave it, and an append without a
// yes either is in the stream, and may then have been stored at any time since
// its call, or never was.
func settled(t *testing.T, b *bus.Bus, list []told) (history []porcupine.Operation) {
	t.Helper()
	label, stored := make(map[uint64]string), make(map[string]uint64)
	err := b.Follow(within(t), bus.FollowOptions{All: true, Latest: true}, func(e events.Stored) error {
		key := e.Command.ID + " " + e.Command.CorrelationID
		label[e.Sequence], stored[key] = e.Command.CorrelationID, e.Sequence
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		in, out := o.Input.(registerInput), o.Output.(register)
		seq, there := stored[in.command+" "+in.writer]
		switch {
		case in.writer == "":
			o.Output = register{out.sequence, label[out.sequence]}
		case o.err == nil && (!there || seq != out.sequence):
			t.Errorf("an append was told of event %d, in the stream it is %d", out.sequence, seq)
		case o.err == nil:
		case !errors.Is(o.err, events.ErrLost) && !events.HasCode(o.err, events.CodeUnavailable):
			t.Errorf("append: %v", o.err)
		case there:
			o.Output, o.Return = register{seq, in.writer}, never
		case errors.Is(o.err, events.ErrLost):
			o.Output = register{}
		default:
			continue
		}
		history = append(history, o.Operation)
	}
	return history
}

// never is the return of an append whose client was not told.
const never = int64(1) << 62

func won(o porcupine.Operation) bool {
	return o.Input.(registerInput).writer != "" && o.Output != register{}
}

// effective gives the appends that won: a part of a history that has an order
// whenever the history has one, and that is quickly found to have none.
func effective(history []porcupine.Operation) []porcupine.Operation {
	return slices.DeleteFunc(slices.Clone(history), func(o porcupine.Operation) bool { return !won(o) })
}

// twoWinners lets somebody who lost against a winner have won too.
func twoWinners(t *testing.T, history []porcupine.Operation) []porcupine.Operation {
	t.Helper()
	wins := effective(history)
	for _, o := range history {
		in := o.Input.(registerInput)
		for _, winner := range wins {
			of, out := winner.Input.(registerInput), winner.Output.(register)
			if in.writer != "" && !won(o) && of.command == in.command && of.expected == in.expected {
				o.Output = register{out.sequence + 1, in.writer}
				return append(wins, o)
			}
		}
	}
	t.Fatal("nobody lost against a winner")
	return nil
}

// oldRead lets a client read the first event after it has read a later one.
func oldRead(t *testing.T, history []porcupine.Operation) []porcupine.Operation {
	t.Helper()
	wins := effective(history)
	for _, o := range history {
		in := o.Input.(registerInput)
		for _, first := range wins {
			of := first.Input.(registerInput)
			if in.writer == "" && of.command == in.command && of.expected == 0 && o.Output.(register).sequence > first.Output.(register).sequence {
				again := o
				again.Call, again.Return, again.Output = o.Return+1, o.Return+1, first.Output
				return append(wins, o, again)
			}
		}
	}
	t.Fatal("no read that saw more than the first event")
	return nil
}

// vanished lets nobody have appended an event that others followed.
func vanished(t *testing.T, history []porcupine.Operation) []porcupine.Operation {
	t.Helper()
	wins := effective(history)
	for i, o := range wins {
		if o.Input.(registerInput).expected == 0 {
			return slices.Delete(wins, i, i+1)
		}
	}
	t.Fatal("no first event")
	return nil
}
