package webhook_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"devicebridge/webhook"
)

// TestFaultSlowSockets is TestFaultSlowClients on 2,000 real sockets, in the header
// and over TLS's handshake, with shorter time-outs: a good postback is answered
// while they are open, and all of them are closed.
func TestFaultSlowSockets(t *testing.T) {
	const slow = 2000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 3*slow {
		t.Skipf("%d files may be open, %d are needed (%v)", limit.Cur, 3*slow, err)
	}
	for name, secured := range map[string]bool{"header": false, "handshake": true} {
		t.Run(name, func(t *testing.T) {
			options := webhook.Options{Sink: &sink{}, AddressConnections: 2 * slow, ReadHeaderTimeout: 3 * time.Second}
			serve := func() (string, *http.Client) { return serveTCP(t, options), http.DefaultClient }
			if secured {
				serve = func() (string, *http.Client) { return serveTLS(t, options, true) }
			}
			address, client := serve()
			var closed sync.WaitGroup
			for range slow {
				conn := dial(t, address)
				ended := make(chan struct{})
				closed.Go(func() {
					_, _ = io.Copy(io.Discard, conn)
					close(ended)
				})
				closed.Go(func() { drop(conn, ended) })
			}
			url := "http" + map[bool]string{true: "s"}[secured] + "://" + address + path(t)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(done))
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusAccepted {
				t.Errorf("a good postback: %d", response.StatusCode)
			}
			closed.Wait() // or the test's time is over
		})
	}
}

// drop sends a byte a second until the connection has ended: the one with which a
// TLS handshake begins, and which ends no line of HTTP.
func drop(conn net.Conn, ended <-chan struct{}) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		if _, err := conn.Write([]byte{22}); err != nil {
			return
		}
		select {
		case <-second.C:
		case <-ended:
			return
		}
	}
}
