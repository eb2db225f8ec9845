package inventory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/inventory"
	"devicebridge/events"
)

const directory = 5000

// reality is a bus on the bridge's own server, which syncs every commit to disk,
// and that server's address.
func reality(t testing.TB) (*bus.Bus, string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	server, err := bus.StartServer(bus.ServerOptions{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	b, err := bus.Connect(ctx, bus.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(ctx) })
	if err := b.Ensure(ctx, bus.StreamOptions{Inventory: true, MaxStore: server.MaxStore()}); err != nil {
		t.Fatal(err)
	}
	return b, server.URL()
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

// BenchmarkFirstSync reads a directory of 5,000 devices into an empty feed.
func BenchmarkFirstSync(b *testing.B) {
	fleet := crowd()
	for b.Loop() {
		b.StopTimer()
		stream, _ := reality(b)
		b.StartTimer()
		reach(b, stream, fleet)
	}
	b.ReportMetric(directory*float64(b.N)/b.Elapsed().Seconds(), "devices/s")
}

// BenchmarkResync reads it again, with nothing to publish.
func BenchmarkResync(b *testing.B) {
	fleet := crowd()
	stream, _ := reality(b)
	reach(b, stream, fleet)
	for b.Loop() {
		fleet.forget(false)
		reach(b, stream, fleet)
	}
	b.ReportMetric(directory*float64(b.N)/b.Elapsed().Seconds(), "devices/s")
}

// TestDirectory is the life that the feed is made for, on the bridge's own server:
// a first sync of 5,000 devices, ten changes, a deletion, a forgotten link with a
// device missing. A subscriber sees each event once, in its order.
func TestDirectory(t *testing.T) {
	fleet := crowd()
	b, url := reality(t)
	live := subscriber(t, url, b.Subjects().InventoryTree())
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range directory + 12 {
		msg, err := live.NextMsgWithContext(ctx)
		if err != nil {
			t.Fatal(err)
		}
		e, err := events.DecodeInventory(msg.Header, msg.Data)
		if err != nil {
			t.Fatal(err)
		}
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
