package inventory_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/inventory"
	"devicebridge/events"
)

const directory = 5000

// reality is a bus on the bridge's own server, which syncs every commit to disk,
// and that server.
func reality(t testing.TB) (*bus.Bus, *bus.Server) {
	t.Helper()
	server, err := bus.StartServer(bus.ServerOptions{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	b := connect(t, server)
	if err := b.Ensure(t.Context(), bus.StreamOptions{Inventory: true, MaxStore: server.MaxStore()}); err != nil {
		t.Fatal(err)
	}
	return b, server
}

func connect(t testing.TB, server *bus.Server) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(context.WithoutCancel(t.Context())) })
	return b
}

// crowd is a directory of devices of about 1 KiB.
func crowd() *fleet {
	f := newFleet()
	f.size = 100
	for i := range directory {
		members := map[string]string{}
		for m := range 38 {
			members[fmt.Sprintf("member%02d", m)] = fmt.Sprintf(`"value %d of %d"`, m, i)
		}
		f.set(fmt.Sprintf("%08d-02bd-468f-a40b-f2c3d1821983", i), members)
	}
	return f
}

// reach lets a poller read until it has reached the present.
func reach(t testing.TB, b *bus.Bus, source inventory.Source) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begin := time.Now()
	p, err := inventory.New(inventory.Options{
		Source: source, Feed: b, Devices: b, Every: time.Millisecond,
		Hooks: inventory.Hooks{Current: func(at time.Time) {
			if !at.Before(begin) {
				cancel()
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
}

// TestDirectory is the life that the feed is made for, on the bridge's own server:
// a first sync of 5,000 devices, ten changes, a deletion, a forgotten link with a
// device missing. A subscriber sees each event once, in its order.
func TestDirectory(t *testing.T) {
	fleet := crowd()
	b, server := reality(t)
	live := subscriber(t, server.URL(), b.Subjects().InventoryTree())
	reach(t, b, fleet)
	name := func(i int) string { return fmt.Sprintf("%08d-02bd-468f-a40b-f2c3d1821983", i) }
	want := map[string]int{}
	for i := range directory {
		want[name(i)+".1 created "]++
	}
	for i := range 10 {
		fleet.set(name(i*7), map[string]string{"displayName": `"new"`})
		want[name(i*7)+".2 updated "]++
	}
	fleet.remove(name(4711), events.ReasonChanged)
	want[name(4711)+".2 deleted changed"]++
	reach(t, b, fleet)
	fleet.remove(name(4712), events.ReasonDeleted)
	fleet.forget(true)
	want[name(4712)+".2 deleted missing"]++
	reach(t, b, fleet)
	reach(t, b, fleet)

	last := map[string]int{}
	for range directory + 12 {
		e := seen(t, live)
		key := e.ID() + " " + string(e.Kind) + " " + e.Reason
		if want[key]--; want[key] != 0 || e.Sequence != last[e.DeviceID]+1 {
			t.Errorf("seen %s", key)
		}
		last[e.DeviceID] = e.Sequence
	}
	if waiting, _, err := live.Pending(); waiting != 0 || err != nil {
		t.Errorf("%d events more than expected, %v", waiting, err)
	}
}

// TestReplicas lets three replicas follow a directory that changes all the time,
// forgets its links, and whose replicas come and go. A subscriber sees each event
// once, in its order, and each shows what was.
func TestReplicas(t *testing.T) {
	fleet := newFleet()
	first, server := reality(t)
	live := subscriber(t, server.URL(), first.Subjects().InventoryTree())
	o := inventory.Options{Source: fleet, Every: 2 * time.Millisecond}
	begin := func() func() {
		b := connect(t, server)
		o.Feed, o.Devices = b, b
		return run(t, o)
	}
	stops := []func(){begin(), begin(), begin()}
	log := newMemory()
	for n := range 200 {
		id := fmt.Sprintf("d%d", n%9)
		switch {
		case n%50 == 49:
			fleet.forget(n%100 == 99)
		case n%7 == 6:
			fleet.remove(id, events.ReasonChanged)
		default:
			fleet.set(id, map[string]string{"n": fmt.Sprint(n / 5)})
		}
		if n%40 == 39 {
			stops[0]()
			stops = append(stops[1:], begin())
		}
		if n%5 == 4 { // something has been changed since
			log.log = append(log.log, seen(t, live))
		}
	}
	for _, stop := range stops {
		stop()
	}
	reach(t, first, fleet)
	fleet.set("last", nil) // whatever was stored before it is seen before it
	reach(t, first, fleet)
	for len(log.log) == 0 || log.log[len(log.log)-1].DeviceID != "last" {
		log.log = append(log.log, seen(t, live))
	}
	for _, e := range log.log {
		log.latest[e.DeviceID] = events.InventoryStored{Event: e}
	}
	if violations := append(log.check(fleet), log.settled(fleet)...); len(violations) > 0 {
		t.Error(strings.Join(violations, "\n"))
	}
}

// seen gives the next event that a subscriber sees.
func seen(t *testing.T, live *nats.Subscription) events.InventoryEvent {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	msg, err := live.NextMsgWithContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e, err := events.DecodeInventory(msg.Header, msg.Data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// subscriber is a client of the embedded server without credentials.
func subscriber(t *testing.T, url, subject string) *nats.Subscription {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	live, err := nc.SubscribeSync(subject)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return live
}
