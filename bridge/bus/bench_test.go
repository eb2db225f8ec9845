package bus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// BenchmarkAppend stores first events of commands on the embedded server, by so many
// at once: with a sync of the disk now and then, with one for all that wait, and with
// one for each.
func BenchmarkAppend(b *testing.B) {
	for _, sync := range []string{"interval", "always", "each"} {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", sync, writers), func(b *testing.B) { benchmarkAppend(b, sync, writers) })
		}
	}
}

func benchmarkAppend(b *testing.B, sync string, writers int) {
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: b.TempDir(), LazySync: sync == "interval"})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Stop()
	ctx := context.Background()
	bridge, err := bus.Connect(ctx, bus.Options{Server: server, Name: b.Name(), SyncEach: sync == "each"})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = bridge.Close(ctx) }()
	if err := bridge.Ensure(ctx, bus.StreamOptions{MaxBytes: 1 << 30}); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	at := time.Now().UTC()
	b.ReportAllocs()
	b.SetParallelism(writers)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c := events.Command{
				ID: events.RequestCommandID(fmt.Sprint(n.Add(1))), DeviceID: "6841b3db-2b55-467b-ad84-79a41a4ef665", Type: events.TypeLaunchURI,
				Payload: json.RawMessage(`{"uri":"https://bing.com"}`), State: events.StateAccepted, Round: 1, Response: events.ResponseNone,
				Sequence: 1, Source: events.SourceCaller, CreatedAt: at, UpdatedAt: at, ExpiresAt: at.Add(time.Hour),
			}
			if _, err := bridge.Append(ctx, events.KindOf(events.StateAccepted), c, 0); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
