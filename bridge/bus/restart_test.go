package bus_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestServerRestart: everybody who was connected finds the new server where the
// old one was, and everything in it.
func TestServerRestart(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	work, got := collecting(t, b)
	consuming(t, b, work)
	appended(t, b, numbered(1), 1)
	receive(t, "delivery", got)
	guest, _ := client(t, server.URL())
	url, store := server.URL(), server.MaxStore()
	for range 3 {
		if err := server.Restart(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if server.URL() != url || server.MaxStore() != store {
		t.Errorf("it is at %s with %d bytes, was at %s with %d", server.URL(), server.MaxStore(), url, store)
	}
	until(t, "an append after the restarts", func() bool {
		_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(2), 1), 0)
		return err == nil
	})
	for receive(t, "delivery after the restarts", got) != numbered(2) { // the first may come again
	}
	if _, err := b.Latest(within(t), numbered(1)); err != nil {
		t.Errorf("what was stored before: %v", err)
	}
	until(t, "the guest connected again", guest.IsConnected)
}

// TestServerRestartStopped: a stop is for good, whatever runs at the same time.
func TestServerRestartStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := embedded(t, bus.ServerOptions{Dir: dir})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			if i == 2 {
				server.Stop()
				return
			}
			if err := server.Restart(t.Context()); err != nil && !strings.Contains(err.Error(), "stopped for good") {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := server.Restart(t.Context()); err == nil {
		t.Error("started again after the stop")
	}
	if _, err := server.InProcessConn(); err == nil {
		t.Error("a connection after the stop")
	}
	embedded(t, bus.ServerOptions{Dir: dir}) // nobody uses it any more
}

// TestWatchRestarts: a server that switched JetStream off is started anew, again
// and again where that fails.
func TestWatchRestarts(t *testing.T) {
	t.Parallel()
	var lines lockedBuffer
	dir := t.TempDir()
	server := embedded(t, bus.ServerOptions{Dir: dir})
	b := connect(t, bus.Options{Server: server, Timeout: patience, Log: slog.New(slog.NewTextHandler(&lines, nil))})
	ensure(t, b, small())
	work, got := collecting(t, b)
	consuming(t, b, work)
	appended(t, b, numbered(1), 1)
	receive(t, "delivery", got)
	watching(t, b, small())

	if err := server.LoseJetStream(); err != nil {
		t.Fatal(err)
	}
	until(t, "the trouble", func() bool { return lines.count("trouble=storeFailed", "switched JetStream off") == 1 })
	untilCalm(t, b)
	appended(t, b, numbered(2), 1)
	for receive(t, "delivery after the restart", got) != numbered(2) { // an earlier one may come again
	}

	// A directory in which no server can start.
	files := filepath.Join(dir, "jetstream")
	if err := os.Rename(files, files+".aside"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Only now, or it would have been started anew before.
	if err := server.LoseJetStream(); err != nil {
		t.Fatal(err)
	}
	until(t, "two attempts", func() bool { return lines.count("could not be started") >= 2 })
	_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(3), 1), 0)
	wantCode(t, err, events.CodeUnavailable)
	link(t, files+".aside", files)
	untilCalm(t, b)
	appended(t, b, numbered(3), 1)
	for i := range 3 {
		if _, err := b.Latest(within(t), numbered(i+1)); err != nil {
			t.Errorf("command %d: %v", i+1, err)
		}
	}
	for receive(t, "delivery after the failures", got) != numbered(3) { // as above
	}
}

// link puts a link to a directory in the place of a file, at once: a server that is
// started meanwhile finds one or the other.
func link(t *testing.T, dir, file string) {
	t.Helper()
	if err := os.Symlink(dir, file+".link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".link", file); err != nil {
		t.Fatal(err)
	}
}

// TestServerSyncs: by default what is acknowledged is on the disk.
func TestServerSyncs(t *testing.T) {
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	if !server.Syncs() {
		t.Error("appends are acknowledged before they are synced")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := server.Restart(ctx); err != nil || !server.Syncs() {
		t.Errorf("after a restart: synced %t, %v", server.Syncs(), err)
	}
}
