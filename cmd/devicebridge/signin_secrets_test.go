package main

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/authority"
)

// lockedText collects what several goroutines write.
type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestNoTokenIsReadable lets a bridge sign in, refresh, be refused and send, with
// every log line on, and looks for each token that the authority gave out in all
// that the bridge wrote, on every subject and in every stream.
func TestNoTokenIsReadable(t *testing.T) {
	a := cliStartAuthority(t, authority.Options{TokenLife: 2 * time.Second})
	e, err := emulator.New(emulator.Options{Authorize: authorizeBy(a.Authority), StepDelay: 25 * time.Millisecond, Devices: cliDevices()})
	if err != nil {
		t.Fatal(err)
	}
	graph := httptest.NewServer(e)
	t.Cleanup(func() { graph.Close(); _ = e.Close() })
	srv := cliNATSWith(t, server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir()})
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	var wire, logs lockedText
	if _, err := nc.Subscribe(">", func(m *nats.Msg) {
		_, _ = wire.Write([]byte(m.Subject + "\n"))
		for name, values := range m.Header {
			for _, v := range values {
				_, _ = wire.Write([]byte(name + ": " + v + "\n"))
			}
		}
		_, _ = wire.Write(m.Data)
	}); err != nil {
		t.Fatal(err)
	}

	hook, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	key := "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	vars := map[string]string{
		"BRIDGE_PUBLIC_URL": "http://" + hook.Addr().String(), "BRIDGE_GRAPH_URL": graph.URL + "/beta", "BRIDGE_GRAPH_AUTH": "device-code",
		"NATS_URL": srv.ClientURL(), "BRIDGE_SIGNIN_KEY": key, "BRIDGE_CALLBACK_KEYS": "k1:" + key, "BRIDGE_ADMIN_ADDR": "127.0.0.1:0",
	}
	maps.Copy(vars, a.vars)
	c, err := loadServe(vars)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ready, done := make(chan started, 1), make(chan error, 1)
	log := slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	go func() { done <- runBridge(ctx, c, hook, log, func(s started) { ready <- s }) }()
	s := <-ready
	b := &cliBridge{t: t, emulator: e, admin: "http://" + s.Admin, vars: vars}
	client := map[string]string{"BRIDGE_SIGNIN_KEY": key, "NATS_URL": srv.ClientURL()}
	for _, name := range []string{"BRIDGE_GRAPH_CA", "AZURE_AUTHORITY_HOST"} {
		client[name] = a.vars[name]
	}
	b.vars = client

	b.login(a)
	for a.Ledger().Refreshes < 3 { // tokens of 2 s end between two commands
		id := cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "https://example.com"), "command")
		b.follow(1, id, "--kind", "completed", "--all")
	}
	if _, err := a.Revoke(authority.Revocation{Account: authority.PersonalUser, AccessTokens: true}); err != nil {
		t.Fatal(err)
	}
	// By the authority, or by Graph where a token of 2 s was late there just before.
	b.fails(exitUnavailable, "unavailable: no sign-in", "devices", "--refresh")
	shown := cliGet(t, b.admin+"/metrics") + cliGet(t, b.admin+"/readyz?verbose") + cliRun(t, b.vars, "whoami").stdout
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	streams := cliEverythingStored(t, js)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}

	if len(a.secrets) < 8 {
		t.Fatalf("the authority gave out %d secrets only", len(a.secrets))
	}
	for where, text := range map[string]string{"the log": logs.String(), "NATS": wire.String(), "the streams": streams, "metrics, readiness, whoami": shown} {
		if text == "" {
			t.Errorf("nothing was seen of %s", where)
		}
		for _, secret := range append(a.leaked(text), cliFound(text, key)...) {
			t.Errorf("%s shows %.12s…", where, secret)
		}
	}
	// The control: the search finds what is there.
	for secret := range a.secrets {
		if len(a.leaked("x"+secret+"y")) != 1 {
			t.Fatal("the search finds nothing")
		}
		break
	}
}

func cliFound(text string, secrets ...string) []string {
	var found []string
	for _, s := range secrets {
		if bytes.Contains([]byte(text), []byte(s)) {
			found = append(found, s)
		}
	}
	return found
}

// cliEverythingStored reads every message of every stream.
func cliEverythingStored(t *testing.T, js jetstream.JetStream) string {
	t.Helper()
	var all bytes.Buffer
	names := js.StreamNames(t.Context())
	for name := range names.Name() {
		stream, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for seq := stream.CachedInfo().State.FirstSeq; seq <= stream.CachedInfo().State.LastSeq; seq++ {
			if m, err := stream.GetMsg(t.Context(), seq); err == nil { // some are gone again
				all.WriteString(m.Subject + " " + http.Header(m.Header).Get("Nats-Msg-Id") + "\n")
				all.Write(m.Data)
			}
		}
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
	return all.String()
}
