package bus_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestFaultSameClaim lets replicas race, on three servers, for one and the same
// event: the same n, kind, subject and record. A single one is told that it is
// stored, and of bridges in their place only that one sends. The control is what
// each would be told by the event's id as Nats-Msg-Id instead.
func TestFaultSameClaim(t *testing.T) {
	servers := cluster(t)
	var buses []*bus.Bus
	for _, s := range servers {
		buses = append(buses, connect(t, bus.Options{URL: s.ClientURL()}))
	}
	options := small()
	options.Replicas = 3
	ensure(t, buses[0], options)

	t.Run("append", func(t *testing.T) {
		for range 20 {
			id := events.RandomCommandID()
			accepted := appended(t, buses[0], id, 1)
			claim := record(id, 2)
			wins := atOnce(func(i int) bool {
				_, err := buses[i%len(buses)].Append(within(t), events.KindOf(events.StateSending), claim, accepted)
				if err != nil && !errors.Is(err, events.ErrLost) {
					t.Errorf("claim: %v, want ErrLost", err)
				}
				return err == nil
			})
			if wins != 1 {
				t.Errorf("%d are told that the claim is theirs", wins)
			}
		}
	})

	t.Run("dispatch", func(t *testing.T) {
		g := new(counting)
		var replicas []*bridge.Bridge
		for _, b := range buses {
			replicas = append(replicas, bridging(t, b, g))
		}
		for range 20 {
			receipt, err := replicas[0].Send(within(t), nil, []byte(askedFor))
			if err != nil {
				t.Fatal(err)
			}
			from, err := buses[0].Latest(within(t), receipt.Command.ID)
			if err != nil {
				t.Fatal(err)
			}
			first := bridge.Delivery{Count: 1, Alive: func() error { return nil }}
			done := atOnce(func(i int) bool {
				return replicas[i%len(replicas)].Dispatch(within(t), from, first) == 0
			})
			if n := g.sent(receipt.Command.ID); n != 1 || done != 1 {
				t.Errorf("%d POSTs; %d replicas are done with the delivery", n, done)
			}
		}
	})

	t.Run("the trap", func(t *testing.T) {
		_, js := client(t, servers[0].ClientURL())
		stream, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "TRAP", Subjects: []string{"trap"}, Replicas: 3})
		if err != nil {
			t.Fatal(err)
		}
		// One after the other: of those at once the server refuses most as being in
		// process.
		won := 0
		for i := range servers {
			_, js := client(t, servers[i].ClientURL())
			msg := nats.NewMsg("trap")
			msg.Data = []byte{byte(i)}
			if _, err := js.PublishMsg(within(t), msg, jetstream.WithMsgID("command.2")); err == nil {
				won++
			}
		}
		if stored := messages(t, js, stream.CachedInfo().Config.Name); stored != 1 || won != len(servers) {
			t.Errorf("%d of %d are told that theirs is stored, %d are; the control wants all and 1", won, len(servers), stored)
		}
	})
}

// atOnce runs f for each racer at once and gives how often it said yes.
func atOnce(f func(i int) bool) (yes int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	starting := make(chan struct{})
	for i := range racers {
		all.Go(func() {
			<-starting
			if f(i) {
				mu.Lock()
				defer mu.Unlock()
				yes++
			}
		})
	}
	close(starting)
	all.Wait()
	return yes
}
