package webhook_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"devicebridge/webhook"
)

// dialTLS opens a connection over TLS for bytes that no client would send.
func dialTLS(t *testing.T, address string) *tls.Conn {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // the certificate is not what is tested
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*tls.Conn)
}

// What net/http refuses by itself is a problem document over TLS as well.
func TestRefusedHTTPOverTLSIsAProblem(t *testing.T) {
	address, _ := serveTLS(t, webhook.Options{Sink: &sink{}}, false)
	head := "POST " + path(t) + " HTTP/1.1\r\nHost: x\r\n"
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"two hosts":      {head + "Host: y\r\n\r\n", 400},
		"an expectation": {head + "Expect: 200-ok\r\nContent-Length: 0\r\n\r\n", 417},
		"long header":    {head + "X: " + strings.Repeat("x", 32<<10) + "\r\n\r\n", 431},
		"unknown coding": {head + "Transfer-Encoding: gzip\r\n\r\n", 501},
		"a version":      {"POST / HTTP/4.2\r\nHost: x\r\n\r\n", 505},
		"not HTTP":       {"\x00\x01\r\n\r\n", 400},
	} {
		conn := dialTLS(t, address)
		if _, err := io.WriteString(conn, c.text); err != nil {
			t.Fatal(err)
		}
		got := parsed(t, conn)
		if checkProblem(t, got); got.status != c.want || got.header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %+v, want %d", name, got, c.want)
		}
	}
}

// A stop ends handshakes and answers under way, and loses no request.
func TestStopEndsHandshakes(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	s := server(t, webhook.Options{Sink: &sink{}, TLS: certificate(t), DrainTimeout: time.Minute, ReadHeaderTimeout: time.Hour})
	go func() { served <- s.Serve(ctx, l) }()
	silent := dial(t, l.Addr().String())
	plain := dial(t, l.Addr().String())
	if _, err := io.WriteString(plain, "GET / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := parsed(t, plain); got.status != http.StatusBadRequest {
		t.Errorf("in clear: %+v", got)
	}
	stop()
	if err := <-served; err != nil {
		t.Errorf("a clean stop gives %v", err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("a connection without a handshake is answered")
	}
}

// lockedBuffer is a log that is read when all is over.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// Nobody fills the log: what strangers and holders of one callback do often is
// counted.
func TestLogIsNotFlooded(t *testing.T) {
	var log lockedBuffer
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	s := server(t, webhook.Options{Sink: &sink{}, TLS: certificate(t), Log: slog.New(slog.NewJSONHandler(&log, nil)), Rate: 1e6, Burst: 1e6})
	go func() { served <- s.Serve(ctx, l) }()
	const many = 200
	for range many {
		conn := dial(t, l.Addr().String())
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\n"); err != nil {
			t.Fatal(err)
		}
		_ = parsed(t, conn)
		_ = conn.Close()
	}
	for range many {
		conn := dialTLS(t, l.Addr().String())
		if _, err := io.WriteString(conn, strings.Replace(whole(t), done, strings.Repeat("x", len(done)), 1)); err != nil {
			t.Fatal(err)
		}
		if got := parsed(t, conn); got.status != http.StatusBadRequest {
			t.Fatalf("%+v", got)
		}
		_ = conn.Close()
	}
	stop()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	left := map[string]int{}
	lines := 0
	for decoder := json.NewDecoder(&log); decoder.More(); lines++ {
		var line struct {
			Msg     string
			LeftOut int `json:"left_out"`
		}
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		left[line.Msg] += line.LeftOut
	}
	if lines > 30 {
		t.Errorf("%d lines", lines)
	}
	for _, kind := range []string{"HTTP server", "postback"} {
		if got := left[kind+": more lines like these were left out"]; got != many-10 {
			t.Errorf("%s: %d were left out, want %d; in all %v", kind, got, many-10, left)
		}
	}
}
