package graph_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"devicebridge/bridge/graph"
)

// TestFaultNoConnection lets the way to Graph fail before there is a connection,
// and then heals it: nothing was taken, so the command is sent again, and exactly
// one POST arrives.
func TestFaultNoConnection(t *testing.T) {
	var posts atomic.Int32
	taking := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		posts.Add(1)
		answer(w, http.StatusCreated, sample(t, "launchuri-response"))
	})
	server := httptest.NewUnstartedServer(taking)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	trusting := server.Client().Transport.(*http.Transport)

	for _, c := range []struct {
		name string
		// fault changes a transport that would reach the server.
		fault func(*http.Transport)
		cause func(error) bool
	}{
		{"dial refused", func(rt *http.Transport) {
			closed := closedPort(t)
			rt.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, closed)
			}
		}, as[*net.OpError]},
		{"DNS failure", func(rt *http.Transport) {
			// A resolver without a server: the lookup is Go's own and real.
			resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("no name server")
			}}
			rt.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{Resolver: resolver}).DialContext(ctx, network, "graph.invalid:443")
			}
		}, as[*net.DNSError]},
		{"certificate not trusted", func(rt *http.Transport) { rt.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12} }, as[*tls.CertificateVerificationError]},
		{"TLS refused by the server", func(rt *http.Transport) {
			rt.TLSClientConfig = trusting.TLSClientConfig.Clone()
			rt.TLSClientConfig.MaxVersion = tls.VersionTLS10
		}, func(error) bool { return true }},
		{"closed in the handshake", func(rt *http.Transport) {
			rt.DialContext = func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				go func() { _, _ = far.Read(make([]byte, 1)); _ = far.Close() }()
				return near, nil
			}
		}, func(error) bool { return true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			posts.Store(0)
			broken := trusting.Clone()
			c.fault(broken)
			t.Cleanup(broken.CloseIdleConnections)
			_, err := newClient(t, server.URL, withTransport(broken)).Send(t.Context(), launch())
			if e := sendError(t, err, graph.NotTaken); !c.cause(err) || e.HasRetryAfter {
				t.Errorf("the cause is lost: %v", err)
			}
			if n := posts.Load(); n != 0 {
				t.Errorf("%d POSTs arrived", n)
			}
			if _, err := newClient(t, server.URL, withTransport(trusting.Clone())).Send(t.Context(), launch()); err != nil {
				t.Error(err)
			}
			if n := posts.Load(); n != 1 {
				t.Errorf("%d POSTs arrived, want 1", n)
			}
		})
	}
}

func as[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// closedPort gives an address on which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}
