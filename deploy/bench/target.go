package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"devicebridge/deploy/bench/host"
	"devicebridge/deploy/bench/servers"
)

// target is what is measured: one process, or one and the NATS server beside it.
type target struct {
	processes []*host.Process
	// ready is the time from the start of the last process until it was ready.
	ready      time.Duration
	http, nats string
}

// stop ends its processes.
func (t *target) stop() {
	for _, p := range t.processes {
		p.Stop()
	}
}

// add starts one more process and waits until it is ready. When that fails, the
// target is stopped.
func (t *target) add(ctx context.Context, s *suite, p host.Program, ask func(context.Context) error) error {
	process, err := s.cores.Start(p)
	if err == nil {
		t.processes = append(t.processes, process)
		t.ready, err = process.Ready(ctx, ask)
	}
	if err != nil {
		t.stop()
	}
	return err
}

// startOwn starts one of the benchmark's own servers, after the NATS server beside
// it where there is one.
func (s *suite) startOwn(ctx context.Context, dir string, c servers.Config) (*target, error) {
	t := &target{nats: freeAddress(ctx)}
	if c.Beside {
		var err error
		if t, err = s.startNATS(ctx, dir); err != nil {
			return nil, err
		}
	}
	t.http = freeAddress(ctx)
	c.HTTP, c.NATS, c.Dir, c.Keys = t.http, t.nats, dir, s.keys
	config, err := json.Marshal(c)
	if err != nil {
		t.stop()
		return nil, fmt.Errorf("the server's configuration: %w", err)
	}
	err = t.add(ctx, s, host.Program{Path: s.binaries.self, Args: []string{serveCommand, string(config)}, Dir: dir, Name: string(c.Kind)}, listens(t.http))
	return t, err
}

// startBridge starts the bridge with more in its environment, with the embedded
// server unless t has one already.
func (s *suite) startBridge(ctx context.Context, t *target, dir, graphURL string, more map[string]string) error {
	t.http = freeAddress(ctx)
	admin := freeAddress(ctx)
	vars := map[string]string{
		"BRIDGE_PUBLIC_URL": "http://" + t.http, "BRIDGE_LISTEN_ADDR": t.http, "BRIDGE_ADMIN_ADDR": admin,
		"BRIDGE_GRAPH_URL": graphURL, "BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "any",
		"BRIDGE_CALLBACK_KEYS": s.keys, "BRIDGE_LOG_FORMAT": "json",
	}
	if t.nats == "" {
		t.nats = freeAddress(ctx)
		vars["BRIDGE_NATS_LISTEN"], vars["BRIDGE_DATA_DIR"] = t.nats, filepath.Join(dir, "data")
	} else {
		vars["NATS_URL"] = "nats://" + t.nats
	}
	maps.Copy(vars, more)
	return t.add(ctx, s, host.Program{Path: s.binaries.bridge, Args: []string{"serve"}, Vars: vars, Dir: dir, Name: "bridge"}, answersOK("http://"+admin+"/readyz"))
}

// startNATS starts a NATS server with its defaults.
func (s *suite) startNATS(ctx context.Context, dir string) (*target, error) {
	t := &target{nats: freeAddress(ctx)}
	config := filepath.Join(dir, "nats.conf")
	text := fmt.Sprintf("listen: %q\njetstream { store_dir: %q }\n", t.nats, filepath.Join(dir, "jetstream"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("configure NATS: %w", err)
	}
	err := t.add(ctx, s, host.Program{Path: s.binaries.natsServer, Args: []string{"-c", config}, Dir: dir, Name: "nats-server"}, listens(t.nats))
	return t, err
}

func listens(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

func answersOK(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	}
}

// freeAddress gives a loopback address whose port the system does not hand out by
// itself. Should all tries fail, whoever listens there says so.
func freeAddress(ctx context.Context) string {
	var address string
	for range 100 {
		address = net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(10_000))) //nolint:gosec // no secret
		if l, err := new(net.ListenConfig).Listen(ctx, "tcp", address); err == nil {
			_ = l.Close()
			break
		}
	}
	return address
}
