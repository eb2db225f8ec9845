package bus_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"devicebridge/bridge/bus"
)

// begun is one start of a bridge against NATS as `serve` does it; it ends when it
// answers requests and takes what is in a stream.
func begun(ctx context.Context, url string) error {
	b, err := bus.Connect(ctx, bus.Options{URL: url, Wait: true, Timeout: time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { _ = b.Close(ctx) }()
	if err := b.Ensure(ctx, small()); err != nil {
		return fmt.Errorf("ensure: %w", err)
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 3)
	ready := make(chan struct{})
	go func() {
		err := b.Serve(running, bus.ServiceOptions{Version: "1.2.3", Ready: func() { close(ready) }}, []bus.Endpoint{{Name: "commands.send", Handle: func(context.Context, bus.Call) (any, error) { return nil, nil }}})
		ended <- err
	}()
	go func() { ended <- b.Watch(running, bus.WatchOptions{Streams: small()}) }()
	go func() {
		ended <- b.FollowState(running, "key", time.Second, func(context.Context) {})
	}()
	var fault error
	left := 3
	select {
	case <-ready:
	case fault = <-ended:
		left--
		if fault == nil {
			fault = errors.New("a part ended")
		}
	case <-ctx.Done():
		fault = ctx.Err()
	}
	stop()
	for ; left > 0; left-- {
		if err := <-ended; fault == nil && err != nil {
			fault = err
		}
	}
	return fault
}

// TestStartThroughCuts: whenever NATS goes away during a start, once it has been
// reached, the start waits and goes on.
func TestStartThroughCuts(t *testing.T) {
	t.Parallel()
	target := external(t, t.TempDir()).Addr().String()
	if err := begun(within(t), "nats://"+target); err != nil {
		t.Fatal(err)
	}
	for i := range 45 {
		for name, lose := range map[string]bool{"cut": false, "silent, then cut": true} {
			t.Run(fmt.Sprint(name, " at ", i), func(t *testing.T) {
				t.Parallel()
				p := newProxy(t, target)
				pieces, cut := 0, make(chan struct{})
				p.losing(func(bool, []byte) bool {
					if pieces++; pieces == i+1 {
						close(cut)
					}
					return lose && pieces > i
				})
				done := make(chan error, 1)
				ctx := within(t)
				go func() { done <- begun(ctx, p.url()) }()
				select {
				case <-cut:
					p.to("")
					until(t, "two attempts to connect again", func() bool {
						p.mu.Lock()
						defer p.mu.Unlock()
						return p.away >= 2 || len(done) > 0
					})
					p.to(target)
				case err := <-done:
					done <- err
				}
				if err := receive(t, "end of the start", done); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestConnectSaysWhyItWaits: what keeps a start from NATS is told, and told again
// until it does no more.
func TestConnectSaysWhyItWaits(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	users := func(o server.Options) *server.Options {
		o.Host, o.Port, o.Username, o.Password = "127.0.0.1", server.RANDOM_PORT, "user", "right"
		return &o
	}
	plain := startNATS(t, users(server.Options{})).ClientURL()
	encrypted := startNATS(t, users(server.Options{TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, TLS: true, TLSTimeout: 60})).ClientURL()
	for name, tt := range map[string]struct {
		o     bus.Options
		words string
	}{
		"wrong password":      {bus.Options{URL: plain, User: "user", Password: "hunter2"}, "Authorization Violation"},
		"no credentials":      {bus.Options{URL: plain}, "Authorization Violation"},
		"wrong token":         {bus.Options{URL: plain, Token: "hunter2"}, "Authorization Violation"},
		"unknown certificate": {bus.Options{URL: encrypted, User: "user", Password: "right"}, "certificate"},
		"no such name":        {bus.Options{URL: "nats://nats.invalid:4222"}, "nats.invalid"},
		"nobody there":        {bus.Options{URL: "nats://127.0.0.1:1"}, "no servers available|connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := make(chan string, 1000)
			tt.o.Wait, tt.o.Hooks.Waiting = true, func(why string) { told <- why }
			waiting := make(logged, 1000)
			tt.o.Log = slog.New(waiting)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				b, err := bus.Connect(ctx, tt.o)
				if err == nil {
					_ = b.Close(t.Context())
				}
				ended <- err
			}()
			says := func(text string) bool {
				return slices.ContainsFunc(strings.Split(tt.words, "|"), func(words string) bool { return strings.Contains(text, words) })
			}
			for range 2 {
				tries := 0
				for why := ""; !says(why); tries++ {
					why = receive(t, "word of why it waits", told)
					if strings.Contains(why, "hunter2") || tries == 10 {
						t.Fatalf("it says: %s", why)
					}
				}
			}
			for text := ""; text != "still waiting for NATS"; {
				text = receive(t, "a log line", waiting)
			}
			cancel()
			if err := receive(t, "end", ended); err == nil || !says(err.Error()) {
				t.Errorf("error %v, want it to say why", err)
			}
		})
	}
}
