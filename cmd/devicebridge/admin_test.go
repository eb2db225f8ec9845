package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/webhook"
)

func TestTheAdminListenerAnswers(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	for _, test := range []struct {
		method, path string
		status       int
		words        string
	}{
		{http.MethodGet, "/livez", http.StatusOK, "ok\n"},
		{http.MethodHead, "/livez", http.StatusOK, ""},
		{http.MethodGet, "/readyz", http.StatusOK, "ready\n"},
		{http.MethodGet, "/metrics", http.StatusOK, "\ndevicebridge_events_total{"},
		{http.MethodGet, "/version", http.StatusOK, `"version":"`},
		{http.MethodPost, "/readyz", http.StatusMethodNotAllowed, ""},
		{http.MethodGet, "/", http.StatusNotFound, ""},
		{http.MethodGet, "/postback/x/y", http.StatusNotFound, ""},
		{http.MethodGet, "/debug/pprof/", http.StatusNotFound, ""},
	} {
		if status, text := cliFetch(t, test.method, b.admin+test.path); status != test.status || !strings.Contains(text, test.words) {
			t.Errorf("%s %s is answered with %d %.200q, want %d %q", test.method, test.path, status, text, test.status, test.words)
		}
	}
	var got build
	if err := json.Unmarshal([]byte(cliGet(t, b.admin+"/version")), &got); err != nil || got != readBuild() {
		t.Errorf("the version is %+v (%v), want %+v", got, err, readBuild())
	}
}

func TestTheAdminListenerCanBeOff(t *testing.T) {
	b := cliStartWith(t, emulator.Options{}, map[string]string{"BRIDGE_ADMIN_ADDR": "off"})
	if b.admin != "http://off" {
		t.Errorf("it says to be at %s", b.admin)
	}
	b.ok("list")
}

func TestReadiness(t *testing.T) {
	var h health
	const full = "storage is nearly full: new commands are refused, postbacks are stored"
	check := func(status int, text string) {
		t.Helper()
		if gotStatus, got := h.readiness(); gotStatus != status || got != text {
			t.Errorf("readiness is %d %q, want %d %q", gotStatus, got, status, text)
		}
	}
	check(http.StatusServiceUnavailable, "not ready\nstarting\n")
	h.start()
	check(http.StatusOK, "ready\n")
	h.observe(bus.Disconnected, "", true)
	h.observe(bus.StorageFull, "", true)
	h.observe(bus.Disconnected, "", true)
	check(http.StatusServiceUnavailable, "not ready\nstorageFull: "+full+"\ndisconnected: there is no connection to NATS\n")
	h.observe(bus.Disconnected, "", false)
	h.observe(bus.StreamMissing, "", false)
	check(http.StatusOK, "ready\nstorageFull: "+full+"\n") // which does not keep a postback out
	h.observe(bus.StorageFull, "", false)
	check(http.StatusOK, "ready\n")
	for _, trouble := range append(bus.AllTroubles(), "unheard of") {
		h.observe(trouble, "", true)
		status, text := h.readiness()
		if ready := status == http.StatusOK; ready != slices.Contains([]bus.Trouble{bus.StorageFull, bus.RequestsCaptured, bus.ConsumerDiffers, bus.ConsumerPaused}, trouble) || !strings.Contains(text, "\n"+string(trouble)+": ") {
			t.Errorf("with %s readiness is %d %q", trouble, status, text)
		}
		h.observe(trouble, "", false)
	}
	h.drain()
	h.start() // too late
	check(http.StatusServiceUnavailable, "not ready\nstopping\n")
}

func TestTheAdminListenerLastsAsLongAsTheRest(t *testing.T) {
	log, failure := slog.New(slog.DiscardHandler), errors.New("it failed")
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

	l := listen()
	ctx, stop := context.WithCancel(t.Context())
	err := withAdmin(ctx, l, handler, log, &budget{most: time.Minute}, func(running context.Context) error {
		stop()
		<-running.Done() // what is stopping is still asked how it is
		if status, _ := cliFetch(t, http.MethodGet, "http://"+l.Addr().String()); status != http.StatusNoContent {
			t.Errorf("during the stop it answers %d", status)
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("the rest's failure is told as %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is left open (%v)", err)
	}

	l = listen()
	err = withAdmin(t.Context(), l, handler, log, &budget{most: time.Minute}, func(running context.Context) error {
		_ = l.Close()
		<-running.Done()
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "admin listener") {
		t.Errorf("a listener that fails is told as %v", err)
	}
}

// cliUntil asks a URL until it answers with status and words.
func cliUntil(t *testing.T, address string, status int, words string) {
	t.Helper()
	tick, deadline := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		got, text := cliFetch(t, http.MethodGet, address)
		if got == status && strings.Contains(text, words) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s still answers %d %.500q, want %d %q", address, got, text, status, words)
		}
	}
}

// TestReadinessFollowsNATS: without NATS a bridge is not ready, says why, shows
// it in its metrics, and is ready again by itself.
func TestReadinessFollowsNATS(t *testing.T) {
	o := server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir()}
	first := cliNATSWith(t, o)
	b := cliStartWith(t, emulator.Options{}, map[string]string{"NATS_URL": first.ClientURL(), "BRIDGE_CALLBACK_KEYS": webhook.NewKey()})
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n")
	o.Port = first.Addr().(*net.TCPAddr).Port
	first.Shutdown()
	first.WaitForShutdown()
	cliUntil(t, b.admin+"/readyz", http.StatusServiceUnavailable, "not ready\ndisconnected: there is no connection to NATS\n")
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_nats_trouble{trouble="disconnected"} 1`)
	if text := cliGet(t, b.admin+"/livez"); text != "ok\n" {
		t.Errorf("without NATS /livez says %q", text)
	}
	cliNATSWith(t, o)
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n")
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_nats_trouble{trouble="disconnected"} 0`)
	b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m")
}

// cliTestProbesWhileWaiting: a bridge that waits for its NATS is alive and not
// ready, so that nobody starts it anew and nobody sends it postbacks.
func cliTestProbesWhileWaiting(t *testing.T, binary string) {
	free := httptest.NewServer(http.NotFoundHandler())
	free.Close()
	guarded := cliNATSWith(t, server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, Username: "bridge", Password: "right"})
	for url, why := range map[string]string{
		"nats://" + free.Listener.Addr().String(): "connection refused",
		guarded.ClientURL():                       "nats: Authorization Violation",
	} {
		site := cliNewSite(t, binary, emulator.Options{})
		site.vars["NATS_URL"], site.vars["NATS_USER"], site.vars["NATS_PASSWORD"], site.vars["BRIDGE_LOG_LEVEL"] = url, "bridge", "wrong", "debug"
		site.vars["BRIDGE_CALLBACK_KEYS"] = "k1:" + strings.Repeat("A", 43) + "="
		serve := cliSpawn(t, binary, site.vars, "serve")
		open := cliJSON[struct{ Listen string }](t, serve.await(serve.stderr, `"msg":"admin listener open"`))
		serve.await(serve.stderr, "NATS does not answer; waiting for it")
		if text := cliGet(t, "http://"+open.Listen+"/livez"); text != "ok\n" {
			t.Errorf("/livez says %q", text)
		}
		cliUntil(t, "http://"+open.Listen+"/readyz", http.StatusServiceUnavailable, why)
		if _, text := cliFetch(t, http.MethodGet, "http://"+open.Listen+"/readyz"); !strings.HasPrefix(text, "not ready\nstarting: no connection to NATS: ") {
			t.Errorf("/readyz says %q", text)
		}
		serve.await(serve.stderr, `"msg":"still waiting for NATS"`)
		serve.signal(syscall.SIGTERM)
		serve.end(exitFailure)
	}
}

// cliTestProbesWhileStopping: from the signal until the last of it, a bridge is
// not ready, and alive.
func cliTestProbesWhileStopping(t *testing.T, binary string) {
	posted, release := make(chan struct{}), make(chan struct{})
	graph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(posted)
		<-release
		w.WriteHeader(http.StatusBadRequest)
	}))
	t.Cleanup(graph.Close)
	site := cliNewSite(t, binary, emulator.Options{})
	site.vars["BRIDGE_GRAPH_URL"] = graph.URL + "/beta"
	serve, b := site.serve()
	b.ok("send", "--device", "id:d", "--uri", "x:y")
	<-posted
	if text := cliGet(t, b.admin+"/readyz"); text != "ready\n" {
		t.Errorf("before the stop /readyz says %q", text)
	}
	serve.signal(syscall.SIGTERM)
	serve.await(serve.stderr, "stopping: ")
	if status, text := cliFetch(t, http.MethodGet, b.admin+"/readyz"); status != http.StatusServiceUnavailable || text != "not ready\nstopping\n" {
		t.Errorf("during the stop /readyz is %d %q", status, text)
	}
	if text := cliGet(t, b.admin+"/livez"); text != "ok\n" {
		t.Errorf("during the stop /livez says %q", text)
	}
	close(release)
	serve.end(exitOK)
}
