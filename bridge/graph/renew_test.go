package graph_test

import (
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"devicebridge/bridge/graph"
)

// counted is a real server that counts its connections.
type counted struct {
	*httptest.Server
	connections atomic.Int32
	// seen are the remote addresses of the requests, in order: a connection each.
	mu   sync.Mutex
	seen []string
}

func countConnections(t *testing.T, http2 bool, handler http.HandlerFunc) *counted {
	t.Helper()
	c := new(counted)
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (r.ProtoMajor == 2) != http2 {
			t.Errorf("spoke %s", r.Proto)
		}
		c.mu.Lock()
		c.seen = append(c.seen, r.RemoteAddr)
		c.mu.Unlock()
		handler(w, r)
	}))
	c.EnableHTTP2 = http2
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			c.connections.Add(1)
		}
	}
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func (c *counted) trusting(o *graph.Options) { o.RootCAs = trust(c.Server) }

// trust gives who signed the certificate of a test's server.
func trust(server *httptest.Server) *x509.CertPool {
	return server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
}

// TestConnectionsAreReused for what is read to its end, whatever it is.
func TestConnectionsAreReused(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			server := countConnections(t, http2, func(w http.ResponseWriter, _ *http.Request) {
				answer(w, []int{200, 404, 200, 400}[n.Add(1)%4], sample(t, "status-bare"))
			})
			client := newClient(t, server.URL, server.trusting, speaking(http2, server))
			for range 20 {
				_, _ = client.Command(t.Context(), deviceID, "0")
			}
			if server.connections.Load() != 1 || n.Load() != 20 {
				t.Errorf("%d connections for %d GETs", server.connections.Load(), n.Load())
			}
		})
	}
}

// speaking has the client's own transport speak HTTP/1.1 where that is wanted of
// a server that could do better.
func speaking(http2 bool, server *counted) func(*graph.Options) {
	return func(o *graph.Options) {
		if http2 {
			return
		}
		transport := graph.NewTransport(graph.TransportOptions{RootCAs: trust(server.Server)})
		transport.ForceAttemptHTTP2 = false
		o.Transport, o.RootCAs = transport, nil
	}
}

// TestANewConnectionAfter503: the retry of a GET and the next POST find another
// connection; after any other answer they use the one that is there.
func TestANewConnectionAfter503(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			statuses := make(chan int, 10)
			server := countConnections(t, http2, func(w http.ResponseWriter, r *http.Request) {
				_ = readAll(t, r.Body)
				w.Header().Set("Retry-After", "0.001")
				answer(w, <-statuses, sample(t, "launchuri-response"))
			})
			client := newClient(t, server.URL, server.trusting, speaking(http2, server))
			for _, status := range []int{429, 503, 200} { // one GET
				statuses <- status
			}
			if _, err := client.Command(t.Context(), deviceID, "0158355AD4D680CC4E2994CC009EFFD7337D1B0A"); err != nil {
				t.Fatal(err)
			}
			for _, status := range []int{201, 503, 201} { // three POSTs
				statuses <- status
				if _, err := client.Send(t.Context(), launch()); (err == nil) != (status == 201) {
					t.Errorf("%d: %v", status, err)
				}
			}
			on := map[string]int{}
			order := []int{}
			for _, address := range server.seen {
				if _, known := on[address]; !known {
					on[address] = len(on) + 1
				}
				order = append(order, on[address])
			}
			want := []int{1, 1, 2, 2, 2, 3}
			for i := range want {
				if len(order) != len(want) || order[i] != want[i] {
					t.Fatalf("connections %v, want %v", order, want)
				}
			}
		})
	}
}

// TestManyAnswersOf503RenewOnce: those that come late are of the old connections,
// and take nothing away from the new one.
func TestManyAnswersOf503RenewOnce(t *testing.T) {
	const old = 10
	var n atomic.Int32
	all, late := make(chan struct{}), make(chan struct{})
	server := countConnections(t, true, func(w http.ResponseWriter, r *http.Request) {
		_ = readAll(t, r.Body)
		asked := n.Add(1) - 1 // the request before the ten makes the connection that they share
		if asked == 0 || asked > old {
			answer(w, http.StatusCreated, sample(t, "launchuri-response"))
			return
		}
		if asked == old {
			close(all)
		}
		<-all
		if asked > 1 {
			<-late
		}
		w.Header().Set("Retry-After", "1")
		answer(w, http.StatusServiceUnavailable, nil)
	})
	client := newClient(t, server.URL, server.trusting)
	if _, err := client.Send(t.Context(), launch()); err != nil {
		t.Fatal(err)
	}
	var together sync.WaitGroup
	first := make(chan struct{}, old)
	for range old {
		together.Go(func() {
			_, err := client.Send(t.Context(), launch())
			if e, ok := err.(*graph.SendError); !ok || e.Outcome != graph.NotTaken { //nolint:errorlint // the contract is the type itself
				t.Errorf("got %v", err)
			}
			first <- struct{}{}
		})
	}
	<-first
	for i := range 5 {
		if _, err := client.Send(t.Context(), launch()); err != nil {
			t.Error(err)
		}
		if i == 0 {
			close(late)
			together.Wait()
		}
	}
	if n := server.connections.Load(); n != 2 {
		t.Errorf("%d connections, want the old one and one new", n)
	}
}

// TestTheRenewedTransportStillTellsWhatLeft: on the new connections as on the
// old, a dial that fails was not taken and a connection that dies is unknown.
func TestTheRenewedTransportStillTellsWhatLeft(t *testing.T) {
	var n atomic.Int32
	server := countConnections(t, true, func(w http.ResponseWriter, r *http.Request) {
		_ = readAll(t, r.Body)
		if n.Add(1)%2 == 1 {
			w.Header().Set("Retry-After", "1")
			answer(w, http.StatusServiceUnavailable, nil)
			return
		}
		panic(http.ErrAbortHandler)
	})
	client := newClient(t, server.URL, server.trusting)
	_, err := client.Send(t.Context(), launch())
	sendError(t, err, graph.NotTaken)
	_, err = client.Send(t.Context(), launch())
	sendError(t, err, graph.Unknown)
	_, err = client.Send(t.Context(), launch())
	sendError(t, err, graph.NotTaken)
	server.Close()
	_, err = client.Send(t.Context(), launch())
	if e := sendError(t, err, graph.NotTaken); e.HasRetryAfter {
		t.Errorf("a dial that failed: %v", err)
	}
	if n.Load() != 3 {
		t.Errorf("%d POSTs arrived", n.Load())
	}
}
