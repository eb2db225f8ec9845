package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// BenchmarkPostback takes postbacks from 64 connections through the whole bridge: the
// webhook, the fold and the event stream of the embedded server.
//
//	go test ./cmd/devicebridge -run '^$' -bench Postback -benchmem -cpuprofile cpu.out
func BenchmarkPostback(b *testing.B) {
	for _, sync := range []string{"interval", "always", "each"} {
		b.Run(sync, func(b *testing.B) { benchmarkPostback(b, sync) })
	}
}

func benchmarkPostback(b *testing.B, sync string) {
	at, caller := benchmarked(b, sync, "http://127.0.0.1:9/beta")
	paths := callbackPaths(b, caller, (b.N+len(graphSteps)-1)/len(graphSteps))
	var next atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		s := dial(b, at.Listen)
		defer func() { _ = s.Close() }()
		// Each connection takes whole commands: their statuses come in order.
		for path, step := "", 0; pb.Next(); step = (step + 1) % len(graphSteps) {
			if step == 0 {
				path = paths[next.Add(1)-1]
			}
			s.post(path, graphSteps[step])
		}
	})
}

// benchmarked runs a bridge until the benchmark ends, and gives a connection to it.
func benchmarked(b *testing.B, sync, graphURL string) (started, *bus.Bus) {
	b.Helper()
	ctx, stop := context.WithCancel(context.Background())
	hook, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	c, err := loadServe(map[string]string{
		"BRIDGE_PUBLIC_URL": "http://" + hook.Addr().String(), "BRIDGE_GRAPH_URL": graphURL,
		"BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "any", "BRIDGE_ADMIN_ADDR": adminOff,
		"BRIDGE_DATA_DIR": b.TempDir(), "BRIDGE_NATS_LISTEN": "127.0.0.1:0", "BRIDGE_NATS_SYNC": sync,
	})
	if err != nil {
		b.Fatal(err)
	}
	ready, done := make(chan started, 1), make(chan error, 1)
	go func() { done <- runBridge(ctx, c, hook, slog.New(slog.DiscardHandler), func(s started) { ready <- s }) }()
	var at started
	select {
	case at = <-ready:
	case err := <-done:
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	client := c.clientConfig
	client.NATS.URL = at.NATS
	caller, err := bus.Connect(ctx, busOptions(client, nil, slog.New(slog.DiscardHandler)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = caller.Close(context.Background()) })
	return at, caller
}

// graphSteps are what Graph says of a command, from first to last.
var graphSteps = [...]string{"requesting", "sentToTarget", "executing", "completed"}

// callbackPaths mints n callbacks, and as many more as connections may leave undone.
func callbackPaths(b *testing.B, caller *bus.Bus, n int) []string {
	b.Helper()
	list := make([]string, 0, n+64*8)
	for range cap(list) {
		var receipt events.Receipt
		err := caller.Request(context.Background(), "callbacks.create", events.CallbackRequest{DeviceID: device}, &receipt, 0)
		if err != nil {
			b.Fatal(err)
		}
		u, err := url.Parse(receipt.CallbackURL)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, u.Path)
	}
	return list
}

// sender is a connection of Graph's.
type sender struct {
	net.Conn
	b *testing.B
	r *bufio.Reader
}

func dial(b *testing.B, address string) *sender {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Error(err)
		return nil
	}
	return &sender{conn, b, bufio.NewReader(conn)}
}

func (s *sender) post(path, status string) {
	body := fmt.Sprintf(`{"@odata.context":"https://graph.microsoft.com/beta/$metadata#commands/$entity","id":"0158355AD4D680CC4E2994CC009EFFD7",`+
		`"status":%q,"type":"LaunchUri","appServiceName":null,"packageFamilyName":null,"error":null,"permissionTicket":null,"postBackUri":null,`+
		`"payload":{"uri":"https://example.com/%s"}}`, status, strings.Repeat("a", 200))
	_, err := fmt.Fprintf(s, "POST %s HTTP/1.1\r\nHost: bridge\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	if err == nil {
		err = s.accepted()
	}
	if err != nil {
		s.b.Error(err)
	}
}

func (s *sender) accepted() error {
	answer, err := http.ReadResponse(s.r, nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusAccepted {
		return errors.New(answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
