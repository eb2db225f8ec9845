package graph_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"devicebridge/bridge/graph"
)

// closing is a connection that lets its first write close the far end before
// anything is written, as when a server gives an idle connection up at that very
// moment: the client is told of the closing and not of an answer.
type closing struct {
	net.Conn
	armed *atomic.Bool
	far   func()
}

// Write closes the far end first, where armed.
func (c closing) Write(p []byte) (int, error) {
	if c.armed.CompareAndSwap(true, false) {
		c.far()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// TestFaultStaleKeepAlive lets the server close an idle connection at the moment
// of the write. Go's transport would send the request again on a new one, which
// the control shows for the same transport and an ordinary request; the POST of a
// command is not sent again behind anybody's back, and its outcome is not called
// "not taken" unless no byte of it was written.
func TestFaultStaleKeepAlive(t *testing.T) {
	first := created(t)
	setUp := func(t *testing.T) (*wire, *http.Transport, *atomic.Bool) {
		t.Helper()
		var mu sync.Mutex
		conns := make(map[string]net.Conn)
		w := listen(t, func(w *wire, conn net.Conn) {
			mu.Lock()
			conns[conn.RemoteAddr().String()] = conn
			mu.Unlock()
			for r := bufio.NewReader(conn); w.read(r) == nil; {
				_, _ = io.WriteString(conn, first)
			}
		})
		armed := new(atomic.Bool)
		transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return closing{conn, armed, func() {
				mu.Lock()
				defer mu.Unlock()
				_ = conns[conn.LocalAddr().String()].Close()
			}}, nil
		}}
		t.Cleanup(transport.CloseIdleConnections)
		return w, transport, armed
	}

	t.Run("a command", func(t *testing.T) {
		w, transport, armed := setUp(t)
		client := newClient(t, w.url, withTransport(transport))
		if _, err := client.Send(t.Context(), launch()); err != nil {
			t.Fatal(err)
		}
		armed.Store(true)
		_, err := client.Send(t.Context(), launch())
		sendError(t, err, graph.Unknown)
		if armed.Load() || w.connections.Load() != 1 || w.requests.Load() != 1 {
			t.Errorf("closed: %t; %d connections, %d POSTs; want the first alone", !armed.Load(), w.connections.Load(), w.requests.Load())
		}
		// The next one finds another connection by itself.
		if _, err := client.Send(t.Context(), launch()); err != nil || w.requests.Load() != 2 {
			t.Errorf("the next command: %v, %d POSTs", err, w.requests.Load())
		}
	})

	t.Run("the control", func(t *testing.T) {
		w, transport, armed := setUp(t)
		post := func() error {
			// With a key by which net/http takes a POST for one that may be repeated.
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, bytes.NewReader([]byte("{}")))
			if err != nil {
				return err
			}
			r.Header.Set("Idempotency-Key", "k")
			resp, err := transport.RoundTrip(r)
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			return resp.Body.Close()
		}
		if err := post(); err != nil {
			t.Fatal(err)
		}
		armed.Store(true)
		if err := post(); err != nil || w.connections.Load() != 2 || w.requests.Load() != 2 {
			t.Errorf("%v; %d connections, %d POSTs; net/http was to send it again on another connection", err, w.connections.Load(), w.requests.Load())
		}
	})
}

// TestFaultRedirect sends the client to another host, with the codes that ask to
// repeat the POST. It asks nobody there; an ordinary client, the control, does.
func TestFaultRedirect(t *testing.T) {
	for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var here, there atomic.Int32
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				there.Add(1)
				answer(w, http.StatusCreated, sample(t, "launchuri-response"))
			}))
			t.Cleanup(other.Close)
			redirecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				here.Add(1)
				w.Header().Set("Location", other.URL+"/beta/me/devices/d/commands")
				w.WriteHeader(status)
			}))
			t.Cleanup(redirecting.Close)

			_, err := newClient(t, redirecting.URL).Send(t.Context(), launch())
			sendError(t, err, graph.Refused)
			if refusal, ok := errors.AsType[*graph.Error](err); !ok || refusal.StatusCode != status {
				t.Errorf("the answer is lost: %v", err)
			}
			if here.Load() != 1 || there.Load() != 0 {
				t.Errorf("%d POSTs here and %d there, want 1 and 0", here.Load(), there.Load())
			}

			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, redirecting.URL, bytes.NewReader([]byte("{}")))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := redirecting.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if there.Load() != 1 {
				t.Errorf("the control asked there %d times, want 1", there.Load())
			}
		})
	}
}
