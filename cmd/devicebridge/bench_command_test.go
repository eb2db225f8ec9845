package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"devicebridge/events"
)

// BenchmarkCommand takes commands of 64 requesters through the whole bridge: the
// endpoint, the event stream of the embedded server, the claim, the POST to a Graph on
// loopback, and what it answered. A command is done when the event after that answer
// was seen.
//
//	go test ./cmd/devicebridge -run '^$' -bench Command -benchmem -cpuprofile cpu.out
func BenchmarkCommand(b *testing.B) {
	for _, sync := range []string{"interval", "always", "each"} {
		b.Run(sync, func(b *testing.B) { benchmarkCommand(b, sync) })
	}
}

func benchmarkCommand(b *testing.B, sync string) {
	var posts atomic.Int64
	graph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, `{"id":"G%d","status":"requesting","type":null,"appServiceName":null,"packageFamilyName":null,"error":null,`+
			`"permissionTicket":null,"postBackUri":null,"payload":{"uri":"https://example.com/"}}`, posts.Add(1))
	}))
	b.Cleanup(graph.Close)
	_, caller := benchmarked(b, sync, graph.URL+"/beta")
	ctx := context.Background()
	next, stop, err := caller.SubscribeKind(ctx, events.KindOf(events.StateRequesting))
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	seen := make(chan struct{}, 1<<16)
	go func() {
		for {
			if _, err := next(ctx); err != nil {
				return
			}
			seen <- struct{}{}
		}
	}()
	request := events.Request{
		DeviceID: device, Type: string(events.TypeLaunchURI), Payload: json.RawMessage(`{"uri":"https://example.com/a/path?with=a&query=string"}`),
	}
	b.ReportAllocs()
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			var receipt events.Receipt
			if err := caller.Request(ctx, "commands.send", request, &receipt, 0); err != nil {
				b.Error(err)
				return
			}
			<-seen
		}
	})
	b.StopTimer()
	if int(posts.Load()) != b.N {
		b.Errorf("%d POSTs of %d commands", posts.Load(), b.N)
	}
}
