package graph_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/graph"
)

// unending are answers that do not end by themselves. Each is written again and again
// after its beginning, until the connection is closed.
func unending() map[string]struct{ begin, repeat string } {
	return map[string]struct{ begin, repeat string }{
		"101 and silence":          {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n", ""},
		"101 and bytes":            {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n", "x"},
		"101 without an upgrade":   {"HTTP/1.1 101 \r\n\r\n", ""},
		"early hints for ever":     {"", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"},
		"continue for ever":        {"", "HTTP/1.1 100 Continue\r\n\r\n"},
		"a header for ever":        {"HTTP/1.1 200 OK\r\n", "X-More: y\r\n"},
		"silence":                  {"", ""},
		"silence after the status": {"HTTP/1.1 201 Created\r\n", ""},
		"a slow body":              {"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", " "},
		"a body that stops":        {"HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n{", ""},
		"chunks for ever":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"},
		"trailers for ever":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", "X: y\r\n"},
		"an error that goes on":    {"HTTP/1.1 503 Service Unavailable\r\n\r\n", " "},
	}
}

// unendingServer answers every request so and returns its URL.
func unendingServer(t *testing.T, begin, repeat string) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				answerForEver(conn, begin, repeat)
			}()
			defer func() { <-done }()
		}
	}()
	return "http://" + listener.Addr().String()
}

func answerForEver(conn net.Conn, begin, repeat string) {
	defer func() { _ = conn.Close() }()
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, request.Body)
	_, err = io.WriteString(conn, begin)
	if repeat == "" {
		_, _ = conn.Read(make([]byte, 1)) // until the client goes
		return
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for ; err == nil; <-ticker.C {
		_, err = io.WriteString(conn, repeat)
	}
}

func TestEveryAnswerEndsInItsTime(t *testing.T) {
	for name, answer := range unending() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, unendingServer(t, answer.begin, answer.repeat), func(o *graph.Options) {
				o.PostTimeout, o.GetTimeout, o.CircuitFailures = 300*time.Millisecond, 300*time.Millisecond, 1000
			})
			// The test's own deadline shows a hang; the client's is what ends the calls.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := client.Send(ctx, launch())
			sendError(t, err, graph.Unknown)
			_, err = client.Command(ctx, deviceID, "c")
			failed(t, "poll", err)
			_, err = client.ResponsePayload(ctx, deviceID, "c")
			failed(t, "payload", err)
			_, err = client.Devices(ctx)
			failed(t, "devices", err)
			if ctx.Err() != nil {
				t.Error("the calls did not end by themselves")
			}
		})
	}
}

func failed(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
	}
}

func TestAnAnswerThatSwitchesProtocolsOpensTheCircuit(t *testing.T) {
	url := unendingServer(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n", "")
	client := newClient(t, url, func(o *graph.Options) { o.CircuitFailures = 3 })
	for i := range 16 {
		_, err := client.Send(t.Context(), launch())
		if i < 3 && (err == nil || !strings.Contains(err.Error(), "101")) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if !client.Circuit().Open {
		t.Error("the circuit is closed")
	}
}

// A transport of somebody else's may not tie its bodies to the request.
func TestABodyOfAnyTransportEndsInItsTime(t *testing.T) {
	reader, writer := io.Pipe()
	t.Cleanup(func() { _ = writer.Close() })
	client := newClient(t, "http://127.0.0.1/beta", withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: reader, Request: r}, nil
	})), func(o *graph.Options) { o.GetTimeout = 50 * time.Millisecond })
	_, err := client.Command(t.Context(), deviceID, "c")
	if err == nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
