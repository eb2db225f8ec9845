package bus_test

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"devicebridge/bridge/bus"
)

func TestStartServerListen(t *testing.T) {
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	tests := []struct{ listen, message string }{
		{"127.0.0.1:0", ""},
		{"127.0.0.2:0", ""},
		{"localhost:0", ""},
		{"0.0.0.0:0", "only a loopback address"},
		{":0", "only a loopback address"},
		{"[::]:0", "only a loopback address"},
		{"192.0.2.1:4222", "only a loopback address"},
		{"nats.example.com:4222", "only a loopback address"},
		{"localhost.example.com:4222", "only a loopback address"},
		{"127.0.0.1", "missing port"},
		{"127.0.0.1:nats", "not a number"},
		{"127.0.0.1:65536", "not a number"},
		{"127.0.0.1:-1", "not a number"},
		{busy.Addr().String(), "in use"},
	}
	for _, tt := range tests {
		t.Run(tt.listen, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "nats")
			server, err := bus.StartServer(bus.ServerOptions{Listen: tt.listen, Dir: dir, LazySync: true})
			if tt.message != "" {
				if err == nil {
					server.Stop()
					t.Fatal("it listens")
				}
				if !strings.Contains(err.Error(), tt.message) || !strings.Contains(err.Error(), "NATS listener") {
					t.Errorf("error %q, want it to say %q", err, tt.message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Stop)
			nc, _ := client(t, server.URL())
			if host, _, err := net.SplitHostPort(nc.ConnectedAddr()); err != nil || !net.ParseIP(host).IsLoopback() {
				t.Errorf("it listens on %s", nc.ConnectedAddr())
			}
		})
	}
}

func TestStartServerDirectory(t *testing.T) {
	t.Run("in use", func(t *testing.T) {
		dir := t.TempDir()
		first := embedded(t, bus.ServerOptions{Dir: dir})
		_, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: dir})
		if err == nil || !strings.Contains(err.Error(), "in use by another process") || !strings.Contains(err.Error(), dir) {
			t.Errorf("a second server in one directory: %v", err)
		}
		first.Stop()
		embedded(t, bus.ServerOptions{Dir: dir})
	})
	t.Run("free again after a failed start", func(t *testing.T) {
		dir := t.TempDir()
		server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
		busy := strings.TrimPrefix(server.URL(), "nats://")
		if _, err := bus.StartServer(bus.ServerOptions{Listen: busy, Dir: dir}); err == nil {
			t.Fatal("two servers on one port")
		}
		embedded(t, bus.ServerOptions{Dir: dir})
	})
	t.Run("a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: file}); err == nil {
			t.Error("a server in a file")
		}
	})
	t.Run("nobody else may read it", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "nats")
		embedded(t, bus.ServerOptions{Dir: dir})
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	})
}

// TestServerLog: what the server says goes where the bridge's own lines go.
func TestServerLog(t *testing.T) {
	var lines bytes.Buffer
	server := embedded(t, bus.ServerOptions{
		Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	server.Stop()
	if !strings.Contains(lines.String(), "component=nats-server") || !strings.Contains(lines.String(), "Server is ready") {
		t.Errorf("log:\n%s", &lines)
	}
}
