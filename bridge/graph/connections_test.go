package graph_test

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"devicebridge/bridge/graph"
)

// meeting answers POSTs by so many at once: none before all of them have come.
type meeting struct {
	dialled atomic.Int64
	atOnce  int

	mu   sync.Mutex
	here int
	all  chan struct{}
}

// meet waits for the others.
func (m *meeting) meet(ctx context.Context) {
	m.mu.Lock()
	all := m.all
	if m.here++; m.here == m.atOnce {
		m.here, m.all = 0, make(chan struct{})
		close(all)
	}
	m.mu.Unlock()
	select {
	case <-all:
	case <-ctx.Done():
	}
}

// gathering gives a client of a TLS server with transport options of the bridge, and
// the meeting of its requests.
func gathering(t *testing.T, atOnce int, http2 bool) (*graph.Client, *meeting) {
	t.Helper()
	m := &meeting{atOnce: 1, all: make(chan struct{})}
	body := sample(t, "launchuri-response")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if want := map[bool]int{false: 1, true: 2}[http2]; r.ProtoMajor != want {
			t.Errorf("it came over %s", r.Proto)
		}
		m.meet(r.Context())
		answer(w, http.StatusCreated, body)
	}))
	server.EnableHTTP2 = http2
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			m.dialled.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport := graph.NewTransport(graph.TransportOptions{RootCAs: roots, AtOnce: atOnce})
	return newClient(t, server.URL+"/beta", withTransport(transport)), m
}

// send sends so many commands at once, and ends when all were taken.
func (m *meeting) send(t *testing.T, client *graph.Client, n int) {
	t.Helper()
	m.mu.Lock()
	m.atOnce = n
	m.mu.Unlock()
	var under sync.WaitGroup
	for range n {
		under.Go(func() {
			if _, err := client.Send(t.Context(), launch()); err != nil {
				t.Error(err)
			}
		})
	}
	under.Wait()
}

// TestCommandsShareAnHTTP2Connection: as many at once as there may be workers are
// streams of one connection.
func TestCommandsShareAnHTTP2Connection(t *testing.T) {
	client, m := gathering(t, 64, true)
	for _, n := range []int{1, 64, 64, 64} {
		m.send(t, client, n)
	}
	if n := m.dialled.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestCommandsReuseHTTP1Connections: over HTTP/1.1 there are as many connections as
// there are commands at once, however many commands follow.
func TestCommandsReuseHTTP1Connections(t *testing.T) {
	const workers = 64
	client, m := gathering(t, workers, false)
	for range 20 {
		m.send(t, client, workers)
	}
	if n := m.dialled.Load(); n != workers {
		t.Errorf("%d connections for %d workers", n, workers)
	}
}
