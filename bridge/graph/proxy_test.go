package graph_test

import (
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"devicebridge/bridge/graph"
)

// TestTheProxyOfTheEnvironment runs a client in a process of its own, whose
// environment names a proxy, against a host that only the proxy knows. net/http
// reads these variables once in a process, and never for loopback.
func TestTheProxyOfTheEnvironment(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusCreated, sample(t, "launchuri-response"))
	}))
	t.Cleanup(server.Close)
	if flag.Arg(0) == "behind a proxy" {
		// The host is one that the certificate of package httptest is for.
		client := newClient(t, "https://example.com/beta", func(o *graph.Options) { o.RootCAs = trust(server) })
		if _, err := client.Send(t.Context(), launch()); err != nil {
			t.Errorf("through the proxy: %v", err)
		}
		return
	}
	var connects atomic.Int32
	proxy := httptest.NewServer(connecting(t, server.Listener.Addr().String(), &connects))
	t.Cleanup(proxy.Close)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheProxyOfTheEnvironment$", "behind a proxy")
	child.Env = append(os.Environ(), "HTTPS_PROXY="+proxy.URL, "NO_PROXY=")
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v: %s", err, out)
	}
	if n := connects.Load(); n != 1 {
		t.Errorf("the proxy was asked %d times", n)
	}
}

// connecting is an HTTP proxy that leads every CONNECT to one address.
func connecting(t *testing.T, to string, connects *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "example.com:443" {
			t.Errorf("the proxy was asked %s %s", r.Method, r.Host)
		}
		connects.Add(1)
		far, err := new(net.Dialer).DialContext(context.WithoutCancel(r.Context()), "tcp", to)
		if err != nil {
			t.Error(err)
			return
		}
		near, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}
}

// TestAProxyThatRefusesTookNothing: nothing has left for Graph.
func TestAProxyThatRefusesTookNothing(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(proxy.Close)
	transport := graph.NewTransport(graph.TransportOptions{})
	transport.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	_, err := newClient(t, "https://graph.example/beta", withTransport(transport)).Send(t.Context(), launch())
	if sendError(t, err, graph.NotTaken); !strings.Contains(err.Error(), "Proxy Authentication Required") {
		t.Errorf("got %v", err)
	}
}
