package bus_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// syncing starts an embedded server that syncs each append, as it does by default.
func syncing(t *testing.T) *bus.Server {
	t.Helper()
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// batched counts the events that were stored in batches of at least two.
func batched(t *testing.T, server *bus.Server) int {
	t.Helper()
	_, js := insider(t, server)
	stream, err := js.Stream(within(t), events.Subjects{}.EventStream())
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := stream.OrderedConsumer(within(t), jetstream.OrderedConsumerConfig{HeadersOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for left := stream.CachedInfo().State.Msgs; left > 0; {
		messages, err := consumer.Fetch(int(left))
		if err != nil {
			t.Fatal(err)
		}
		for msg := range messages.Messages() {
			if msg.Headers().Get("Nats-Batch-Id") != "" {
				n++
			}
			left--
		}
	}
	return n
}

// TestGroupCommit lets many postbacks of many commands at once win and lose as they
// would one by one.
func TestGroupCommit(t *testing.T) {
	server := syncing(t)
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, small())
	const commands, steps = 100, 3
	var writers sync.WaitGroup
	for range commands {
		id := events.RandomCommandID()
		begin := record(id, 1)
		writers.Go(func() {
			last, err := b.Append(within(t), events.KindOf(events.StateAccepted), begin, 0)
			if err != nil {
				t.Error(err)
				return
			}
			for n := 2; n < 2+steps; n++ {
				last = oneWins(t, b, record(id, n), last)
			}
		})
	}
	writers.Wait()
	if n := batched(t, server); n == 0 {
		t.Error("no append went in a batch")
	} else {
		t.Logf("%d of %d events were stored in batches", n, commands*(1+steps))
	}
}

// oneWins has two at once append c after last, and gives the sequence of the one that
// is told that it won; the other is told that it lost.
func oneWins(t *testing.T, b *bus.Bus, c events.Command, last uint64) (won uint64) {
	t.Helper()
	var twins sync.WaitGroup
	var mu sync.Mutex
	lost := 0
	for range 2 {
		twins.Go(func() {
			sequence, err := b.Append(within(t), events.KindOf(events.StateSending), c, last)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && won == 0:
				won = sequence
			case errors.Is(err, events.ErrLost):
				lost++
			default:
				t.Errorf("a twin of event %d: %d, %v", c.Sequence, sequence, err)
			}
		})
	}
	twins.Wait()
	if latest, err := b.Latest(context.Background(), c.ID); err != nil || latest.Sequence != won || lost != 1 {
		t.Errorf("event %d: stored as %d, told %d, %d lost, %v", c.Sequence, latest.Sequence, won, lost, err)
	}
	return won
}
