package main

import (
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/webhook"
)

// cliTestStopUnfinished: what is under way when the budget is spent is left, and
// the exit code and the last line say so.
func cliTestStopUnfinished(t *testing.T, binary string) {
	posted, release := make(chan struct{}), make(chan struct{})
	graph := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(posted)
		<-release
	}))
	t.Cleanup(graph.Close)
	t.Cleanup(func() { close(release) })
	site := cliNewSite(t, binary, emulator.Options{})
	maps.Copy(site.vars, map[string]string{"BRIDGE_GRAPH_URL": graph.URL + "/beta", "BRIDGE_DRAIN_TIMEOUT": "1s"})
	serve, b := site.serve()
	b.ok("send", "--device", "id:d", "--uri", "x:y")
	<-posted
	serve.signal(syscall.SIGTERM)
	_, stderr := serve.end(exitFailure)
	if last := stderr[len(stderr)-1]; !strings.Contains(last, "what was under way did not finish within BRIDGE_DRAIN_TIMEOUT (1s, of which 200ms are kept for NATS)") {
		t.Errorf("it says %q", last)
	}
}

// cliTestStopWithoutNATS: who cannot reach NATS stops all the same, in order, and
// what was accepted before is there after the next start.
func cliTestStopWithoutNATS(t *testing.T, binary string) {
	o := server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir()}
	nats := cliNATSWith(t, o)
	o.Port = nats.Addr().(*net.TCPAddr).Port
	site := cliNewSite(t, binary, emulator.Options{})
	maps.Copy(site.vars, map[string]string{"NATS_URL": nats.ClientURL(), "BRIDGE_CALLBACK_KEYS": webhook.NewKey(), "BRIDGE_DISPATCH": "paused"})
	site.vars["BRIDGE_DRAIN_TIMEOUT"] = "8s" // less than the client library waits for a server before it lets go of a consumer
	serve := cliSpawn(t, binary, site.vars, "serve")
	serve.await(serve.stderr, `"msg":"ready"`)
	b := &cliBridge{t: t, vars: map[string]string{"NATS_URL": nats.ClientURL()}}
	id := cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "x:y"), "command")
	nats.Shutdown()
	nats.WaitForShutdown()
	serve.await(serve.stderr, `"trouble":"disconnected"`)
	serve.signal(syscall.SIGTERM)
	if _, stderr := serve.end(exitOK); !strings.Contains(stderr[len(stderr)-1], "stopped: everything under way was finished") {
		t.Errorf("it says %q", stderr)
	}

	cliNATSWith(t, o)
	serve = cliSpawn(t, binary, site.vars, "serve")
	serve.await(serve.stderr, `"msg":"ready"`)
	if got := cliField(t, b.ok("get", id), "state"); !strings.HasPrefix(got, "accepted ") {
		t.Errorf("after the stop the command is %s", got)
	}
}
