package bus_test

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"devicebridge/bridge/bus"
)

// TestServerFaultPayload: a server that takes no message as large as an event is refused
// at the start, and told of when a reconnect leads to it.
func TestServerFaultPayload(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), fixedPort(t)
	start := func(most int32) *server.Server {
		return startNATS(t, &server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, MaxPayload: most})
	}
	srv := start(16384)
	small16 := connect(t, bus.Options{URL: srv.ClientURL()})
	if err := small16.Ensure(within(t), small()); err == nil || !strings.Contains(err.Error(), "max_payload") || !strings.Contains(err.Error(), "16384") {
		t.Errorf("the start says %v", err)
	}
	stop := func() { srv.Shutdown(); srv.WaitForShutdown() }
	stop()
	srv = start(64 << 10)
	b := connect(t, bus.Options{URL: srv.ClientURL(), Timeout: patience})
	ensure(t, b, small())
	watching(t, b, small())
	storing(t, b)
	stop()
	srv = start(16384)
	until(t, "the smaller server is told of", func() bool { return strings.Contains(b.Detail(bus.NoAnswer), "max_payload") })
	stop()
	srv = start(1 << 20)
	untilCalm(t, b)
	storing(t, b)
}

// TestServerFaultVersion: NATS 2.12.0 is refused by its version.
func TestServerFaultVersion(t *testing.T) {
	t.Parallel()
	srv := external(t, t.TempDir())
	for version, taken := range map[string]bool{"2.12.0": false, "2.11.9": false, "1.99.9": false, "2.12.0-RC.1": false, "2.12.1": true, "2.15.2": true, "3.0.0": true, "unknown": true} {
		b := connect(t, bus.Options{URL: "nats://" + renamed(t, srv.Addr().String(), version)})
		err := b.Ensure(within(t), small())
		if (err == nil) != taken || err != nil && !strings.Contains(err.Error(), version) {
			t.Errorf("version %s: %v", version, err)
		}
	}
}

// renamed passes one connection on to a NATS server, which then says that it is of
// another version.
func renamed(t *testing.T, to, version string) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		client, err := l.Accept()
		if err != nil {
			return
		}
		upstream, err := new(net.Dialer).DialContext(t.Context(), "tcp", to)
		if err != nil {
			_ = client.Close()
			return
		}
		back := make(chan struct{})
		go func() {
			defer close(back)
			pump(client, upstream, func(b []byte) []byte { return b })
		}()
		was := []byte(`"version":"` + server.VERSION + `"`)
		pump(upstream, client, func(b []byte) []byte { return bytes.Replace(b, was, []byte(`"version":"`+version+`"`), 1) })
		<-back
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// pump copies until one end closes, and closes both.
func pump(from, to net.Conn, change func([]byte) []byte) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(change(buffer[:n])); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
