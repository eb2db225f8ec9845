package bus_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

func TestInventoryRace(t *testing.T) {
	b, server := startInventory(t)
	nc, _ := insider(t, server)
	raceInventory(t, []*bus.Bus{b}, nc)
}

// TestInventoryCluster: three replicas of the bridge on three servers.
func TestInventoryCluster(t *testing.T) {
	t.Parallel()
	servers := cluster(t)
	var buses []*bus.Bus
	for _, s := range servers {
		buses = append(buses, connect(t, bus.Options{URL: s.ClientURL()}))
	}
	options := inventoried()
	options.Replicas = 3
	ensure(t, buses[0], options)
	nc, _ := client(t, servers[0].ClientURL())
	raceInventory(t, buses, nc)
	t.Run("lost acknowledgement", func(t *testing.T) {
		p := newProxy(t, servers[1].Addr().String())
		loseCommit(t, connect(t, bus.Options{URL: p.url(), Timeout: patience}), p)
	})
}

// raceInventory lets racers commit, each its own view of 100 devices, from one
// cursor, round after round. One wins; a plain subscriber sees its events, all and
// in order, and nothing of the others.
func raceInventory(t *testing.T, buses []*bus.Bus, subscriber *nats.Conn) {
	t.Helper()
	const fleet, rounds = 100, 8
	live, err := subscriber.SubscribeSync(buses[0].Subjects().InventoryTree())
	if err != nil {
		t.Fatal(err)
	}
	if err := subscriber.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	var revision uint64
	for round := range rounds {
		var wins, winner atomic.Uint64
		var runners sync.WaitGroup
		ctx := within(t)
		for racer := range racers {
			runners.Go(func() {
				batch := devices(fleet)
				for i := range batch {
					batch[i].Event.Sequence = round + 1
					batch[i].Event.Device = fmt.Appendf(nil, `{"id":%q,"racer":%d}`, batch[i].Event.DeviceID, racer)
					if round > 0 {
						batch[i].Expected = revision - fleet + uint64(i)
					}
				}
				got, err := buses[racer%len(buses)].CommitInventory(ctx, batch, fmt.Appendf(nil, "%d", racer), revision)
				switch {
				case err == nil:
					wins.Add(1)
					winner.Store(got)
				case !errors.Is(err, events.ErrLost):
					t.Errorf("round %d: %v, want ErrLost", round, err)
				}
			})
		}
		runners.Wait()
		if wins.Load() != 1 {
			t.Fatalf("round %d has %d winners", round, wins.Load())
		}
		revision = winner.Load()
		cursor, at, err := buses[0].InventoryCursor(within(t))
		if err != nil || at != revision {
			t.Fatalf("the cursor is at %d, %v, and %d won", at, err, revision)
		}
		for i, want := range devices(fleet) {
			msg, err := live.NextMsgWithContext(within(t))
			if err != nil {
				t.Fatalf("round %d, event %d: %v", round, i, err)
			}
			e, err := events.DecodeInventory(msg.Header, msg.Data)
			if body := fmt.Sprintf(`{"id":%q,"racer":%s}`, want.Event.DeviceID, cursor); err != nil || string(e.Device) != body || e.Sequence != round+1 {
				t.Fatalf("round %d: live event %d is %+v, %v, want %s", round, i, e, err, body)
			}
		}
	}
}

// separatedInventory is separated with the inventory switched on.
func separatedInventory(t *testing.T) (far, near *bus.Bus, p *proxy) {
	t.Helper()
	far, near, p = separated(t)
	ensure(t, near, inventoried())
	return far, near, p
}

func TestInventoryLostAcknowledgement(t *testing.T) {
	t.Parallel()
	far, _, p := separatedInventory(t)
	loseCommit(t, far, p)
}

// committing runs one commit beside the test.
func committing(t *testing.T, b *bus.Bus, batch []events.InventoryAppend, expected uint64) <-chan result {
	ctx, done := within(t), make(chan result, 1)
	go func() {
		revision, err := b.CommitInventory(ctx, batch, []byte("mine"), expected)
		done <- result{revision, err}
	}()
	return done
}

// loseCommit takes the acknowledgement of a stored commit away from its writer,
// who has to find out that it won.
func loseCommit(t *testing.T, b *bus.Bus, p *proxy) {
	t.Helper()
	_, before, err := b.InventoryCursor(within(t))
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := p.losingAcknowledgements()
	done := committing(t, b, []events.InventoryAppend{device("lost-1", 1, 0), device("lost-2", 1, 0)}, before)
	receive(t, "acknowledgement to lose", acknowledged)
	p.losing(nil)
	won := receive(t, "end of the commit", done)
	if won.err != nil || won.sequence != before+3 {
		t.Fatalf("commit = %d, %v, want %d", won.sequence, won.err, before+3)
	}
	wantCursor(t, b, "mine", won.sequence)
	// Nothing was stored twice: the next events follow on it.
	committed(t, b, []events.InventoryAppend{device("lost-1", 2, before+1), device("lost-2", 2, before+2)}, "next", won.sequence)
}

func TestInventoryLostRequest(t *testing.T) {
	t.Parallel()
	far, near, p := separatedInventory(t)
	first := committed(t, far, devices(1), "x", 0) // the client's subscription for answers is in place
	var pieces atomic.Int32
	p.losing(func(toServer bool, _ []byte) bool { return toServer && pieces.Add(1) == 1 })
	won := receive(t, "end of the commit", committing(t, far, []events.InventoryAppend{device("a", 1, 0), device("b", 1, 0)}, first))
	if won.err != nil || won.sequence != first+3 {
		t.Errorf("commit = %d, %v, want %d", won.sequence, won.err, first+3)
	}
	wantCursor(t, near, "mine", first+3)
}

// TestInventoryLostAcknowledgementSuperseded: a commit after mine hides mine, and
// its writer has gone on.
func TestInventoryLostAcknowledgementSuperseded(t *testing.T) {
	t.Parallel()
	far, near, p := separatedInventory(t)
	acknowledged := p.losingAcknowledgements()
	done := committing(t, far, devices(2), 0)
	receive(t, "acknowledgement to lose", acknowledged)
	_, revision, err := near.InventoryCursor(within(t))
	if err != nil {
		t.Fatal(err)
	}
	committed(t, near, nil, "another's", revision)
	p.losing(nil)
	if lost := receive(t, "end of the commit", done); !errors.Is(lost.err, events.ErrLost) {
		t.Errorf("commit = %d, %v, want ErrLost", lost.sequence, lost.err)
	}
}

// TestInventoryUnproven: without an answer there is no success, whatever happened.
func TestInventoryUnproven(t *testing.T) {
	t.Parallel()
	far, near, p := separatedInventory(t)
	p.losing(replies)
	got := receive(t, "end of the commit", committing(t, far, devices(2), 0))
	wantCode(t, got.err, events.CodeUnavailable)
	wantCursor(t, near, "mine", 3)
}
