package bus_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

func TestConnectHidesCredentials(t *testing.T) {
	tests := []struct{ url, safe string }{
		{"nats://127.0.0.1:4222", "nats://127.0.0.1:4222"},
		{"nats://user:hunter2@nats.example:4222", "nats://nats.example:4222"},
		{"tls://hunter2@nats.example:4222", "tls://nats.example:4222"},
		{"user:hunter2@nats.example:4222", "nats.example:4222"},
		{"hunter2@nats.example", "nats.example"},
		{"nats://a:hunter2@one:1, nats://b:hunter2@two:2", "nats://one:1,nats://two:2"},
		{"nats://user:hunter2%zz@nats.example:4222", "nats.example:4222"},
		{"nats://user:hunter2@@nats.example:4222", "nats://nats.example:4222"},
		{"ws://user:hunter2@nats.example/path", "ws://nats.example/path"},
		{"nats://user:hunter2@[::1", "[::1"},
		{"nats://user:hunter2@", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := bus.SafeURL(bus.Options{URL: tt.url}); got != tt.safe {
			t.Errorf("%s is shown as %q, want %q", tt.url, got, tt.safe)
		}
	}
	// The client library's own errors count, too. Nobody listens on port 1.
	for _, url := range []string{
		"nats://user:hunter2@127.0.0.1:1", "nats://hunter2@127.0.0.1:1", "user:hunter2@127.0.0.1:1",
		"nats://user:hunter2%zz@127.0.0.1:1", "nats://user:hunter2@[::1", "nats://user:hunter2@127.0.0.1:port", "hunter2://user:hunter2@\x7f",
	} {
		_, err := bus.Connect(within(t), bus.Options{URL: url})
		if err == nil || strings.Contains(err.Error(), "user:") || strings.Contains(err.Error(), "hunter2@") {
			t.Errorf("connect to %q: %v", url, err)
		}
	}
}

func TestConnectRefused(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "seed")
	if err := os.WriteFile(secret, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := startNATS(t, &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, Username: "user", Password: "right"})
	p := newProxy(t, "")
	tests := []struct {
		name string
		o    bus.Options
	}{
		{"nobody there", bus.Options{URL: p.url()}},
		{"wrong password", bus.Options{URL: srv.ClientURL(), User: "user", Password: "hunter2"}},
		{"no password", bus.Options{URL: srv.ClientURL()}},
		{"wrong token", bus.Options{URL: srv.ClientURL(), Token: "hunter2"}},
		{"no such seed file", bus.Options{URL: srv.ClientURL(), NKeyFile: secret + ".missing"}},
		{"no seed in the seed file", bus.Options{URL: srv.ClientURL(), NKeyFile: secret}},
		{"no such credentials", bus.Options{URL: srv.ClientURL(), CredsFile: secret + ".missing"}},
		{"no such root certificate", bus.Options{URL: srv.ClientURL(), CAFile: secret + ".missing"}},
		{"no such client certificate", bus.Options{URL: srv.ClientURL(), CertFile: secret + ".missing", KeyFile: secret}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := bus.Connect(within(t), tt.o)
			if err == nil {
				_ = b.Close(t.Context())
				t.Fatal("connected")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
	connect(t, bus.Options{URL: srv.ClientURL(), User: "user", Password: "right"})
}

// TestConnectWaits: a bridge may start before its NATS server.
func TestConnectWaits(t *testing.T) {
	t.Parallel()
	p := newProxy(t, "")
	waiting := make(logged, 100)
	type outcome struct {
		bus *bus.Bus
		err error
	}
	connected := make(chan outcome, 1)
	ctx := within(t)
	go func() {
		b, err := bus.Connect(ctx, bus.Options{URL: p.url(), Wait: true, Log: slog.New(waiting)})
		connected <- outcome{b, err}
	}()
	for !strings.Contains(receive(t, "word that it waits", waiting), "waiting for it") {
	}
	p.to(external(t, t.TempDir()).Addr().String())
	got := receive(t, "connection", connected)
	if got.err != nil {
		t.Fatal(got.err)
	}
	ensure(t, got.bus, small())
	if err := got.bus.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestConnectWaitCancelled(t *testing.T) {
	p := newProxy(t, "")
	ctx, cancel := context.WithCancelCause(t.Context())
	waiting := make(logged, 100)
	failed := make(chan error, 1)
	go func() {
		_, err := bus.Connect(ctx, bus.Options{URL: p.url(), Wait: true, Log: slog.New(waiting)})
		failed <- err
	}()
	for !strings.Contains(receive(t, "word that it waits", waiting), "waiting for it") {
	}
	enough := errors.New("enough")
	cancel(enough)
	if err := receive(t, "end of the wait", failed); !errors.Is(err, enough) {
		t.Errorf("error %v, want the reason of the end", err)
	}
}

// logged sends each log message to a channel.
type logged chan string

func (l logged) Enabled(context.Context, slog.Level) bool { return true }
func (l logged) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l logged) WithGroup(string) slog.Handler            { return l }
func (l logged) Handle(_ context.Context, r slog.Record) error {
	l <- r.Message
	return nil
}

// TestCloseDrains: what was handed to the connection still leaves.
func TestCloseDrains(t *testing.T) {
	srv := external(t, t.TempDir())
	b, err := bus.Connect(within(t), bus.Options{URL: srv.ClientURL()})
	if err != nil {
		t.Fatal(err)
	}
	nc, _ := client(t, srv.ClientURL())
	begun, answers := make(chan struct{}, 100), make(chan error, 100)
	stop := serve(t, b, bus.ServiceOptions{}, bus.Endpoint{Name: "commands.send", Handle: func(ctx context.Context, _ bus.Call) (any, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return strings.Repeat("x", 100_000), nil
	}})
	for range 50 {
		go func() {
			_, err := nc.RequestWithContext(within(t), "devicebridge.v1.commands.send", nil)
			answers <- err
		}()
	}
	for range 50 {
		receive(t, "request", begun)
	}
	stop()
	if err := b.Close(within(t)); err != nil {
		t.Error(err)
	}
	for range 50 {
		if err := receive(t, "answer", answers); err != nil {
			t.Error(err)
		}
	}
	if err := b.Close(within(t)); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	_, err = b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(1), 1), 0)
	wantCode(t, err, events.CodeUnavailable)
}

// TestCloseBounded: a server that does not answer cannot hold up the end.
func TestCloseBounded(t *testing.T) {
	srv := external(t, t.TempDir())
	p := newProxy(t, srv.Addr().String())
	b, err := bus.Connect(within(t), bus.Options{URL: p.url()})
	if err != nil {
		t.Fatal(err)
	}
	p.losing(all)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v, want that the drain was cut off", err)
	}
}

func TestConnectReconnects(t *testing.T) {
	t.Parallel()
	lines := make(logged, 100)
	srv := external(t, t.TempDir())
	p := newProxy(t, srv.Addr().String())
	b := connect(t, bus.Options{URL: p.url(), Log: slog.New(lines)})
	ensure(t, b, small())
	p.to(p.to(""))
	for !strings.Contains(receive(t, "word of a reconnect", lines), "NATS reconnected") {
	}
	appended(t, b, numbered(1), 1)
	if b.URL() != p.url() {
		t.Errorf("connected to %s, want %s", b.URL(), p.url())
	}
}
