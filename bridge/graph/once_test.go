package graph_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/bridge/graph"
)

// wire is a server of bare TCP that counts what reaches it.
type wire struct {
	url                   string
	connections, requests atomic.Int32
}

// listen answers each connection with handle until the test ends.
func listen(t *testing.T, handle func(*wire, net.Conn)) *wire {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{url: "http://" + listener.Addr().String() + "/beta"}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			w.connections.Add(1)
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				handle(w, conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return w
}

// read takes one request with its body.
func (w *wire) read(r *bufio.Reader) error {
	request, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	w.requests.Add(1)
	_, err = io.Copy(io.Discard, request.Body)
	return err
}

// created is the documented status line, "201 OK", with the documented body.
func created(t *testing.T) string {
	body := sample(t, "launchuri-response")
	return fmt.Sprintf("HTTP/1.1 201 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// A server may close a kept-alive connection just as the next request arrives;
// net/http would send a replayable request again then.
func TestKeepAliveCloseIsNotReplayed(t *testing.T) {
	first := created(t)
	ends := map[string]func(*wire, *bufio.Reader) error{
		"after the second request":     func(w *wire, r *bufio.Reader) error { return w.read(r) },
		"at its first byte":            func(_ *wire, r *bufio.Reader) error { _, err := r.ReadByte(); return err },
		"in the middle of its headers": func(_ *wire, r *bufio.Reader) error { _, err := r.ReadString('\n'); return err },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			w := listen(t, func(w *wire, conn net.Conn) {
				r := bufio.NewReader(conn)
				if err := w.read(r); err != nil {
					t.Error(err)
				}
				_, _ = io.WriteString(conn, first)
				_ = end(w, r)
			})
			client := newClient(t, w.url)
			if _, err := client.Send(t.Context(), launch()); err != nil {
				t.Fatal(err)
			}
			_, err := client.Send(t.Context(), launch())
			sendError(t, err, graph.Unknown)
			if n := w.connections.Load(); n != 1 {
				t.Errorf("%d connections: the POST was sent again", n)
			}
			if n := w.requests.Load(); n > 2 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestBrokenAnswersAreUnknown(t *testing.T) {
	for name, text := range map[string]string{
		"closed without an answer": "",
		"status line cut off":      "HTTP/1.1 20",
		"no HTTP":                  "hello\r\n\r\n",
		"2xx body cut off":         "HTTP/1.1 201 OK\r\nContent-Length: 100\r\n\r\n{\"id\":\"a\"",
		"503 without a wait":       "HTTP/1.1 503 \r\nContent-Length: 100\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := listen(t, func(w *wire, conn net.Conn) {
				if err := w.read(bufio.NewReader(conn)); err != nil {
					t.Error(err)
				}
				_, _ = io.WriteString(conn, text)
			})
			_, err := newClient(t, w.url).Send(t.Context(), launch())
			sendError(t, err, graph.Unknown)
			if w.requests.Load() != 1 || w.connections.Load() != 1 {
				t.Errorf("%d requests on %d connections", w.requests.Load(), w.connections.Load())
			}
		})
	}
	t.Run("an error answer counts without its body", func(t *testing.T) {
		w := listen(t, func(w *wire, conn net.Conn) {
			_ = w.read(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, "HTTP/1.1 429 \r\nRetry-After: 2.5\r\nContent-Length: 100\r\n\r\n{")
		})
		_, err := newClient(t, w.url).Send(t.Context(), launch())
		if e := sendError(t, err, graph.NotTaken); e.RetryAfter.Seconds() != 2.5 {
			t.Errorf("wait %s", e.RetryAfter)
		}
	})
}

func TestCancelUnderWayIsUnknown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_ = readAll(t, r.Body)
		cancel()
		<-r.Context().Done()
	})
	_, err := client.Send(ctx, launch())
	if sendError(t, err, graph.Unknown); !errors.Is(err, context.Canceled) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{"/beta/elsewhere", "://broken", ""} {
			t.Run(fmt.Sprint(status, location), func(t *testing.T) {
				var asked atomic.Int32
				client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					asked.Add(1)
					w.Header().Set("Location", location)
					w.WriteHeader(status)
				})
				_, err := client.Send(t.Context(), launch())
				sendError(t, err, graph.Refused)
				_, err = client.Command(t.Context(), deviceID, "0")
				if e, ok := errors.AsType[*graph.Error](err); !ok || e.StatusCode != status {
					t.Errorf("Command: %v", err)
				}
				if asked.Load() != 2 {
					t.Errorf("asked %d times", asked.Load())
				}
			})
		}
	}
}

// Retry options in a caller's context win over a pipeline's own in azcore.
func TestRetryOptionsFromOutsideDoNotReachThePOST(t *testing.T) {
	var posts atomic.Int32
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		posts.Add(1)
		answer(w, http.StatusInternalServerError, nil)
	})
	ctx := policy.WithRetryOptions(t.Context(), policy.RetryOptions{MaxRetries: 5, RetryDelay: 1})
	_, err := client.Send(ctx, launch())
	sendError(t, err, graph.Unknown)
	if posts.Load() != 1 {
		t.Errorf("%d POSTs", posts.Load())
	}
}

func TestThePOSTCannotBeRewound(t *testing.T) {
	asked := false
	client := newClient(t, "https://graph.example", withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		asked = true
		if r.GetBody != nil || r.Body == nil || r.ContentLength <= 0 {
			t.Errorf("GetBody set: %v, length %d", r.GetBody != nil, r.ContentLength)
		}
		return nil, errors.New("enough")
	})))
	_, err := client.Send(t.Context(), launch())
	if sendError(t, err, graph.Unknown); !asked {
		t.Error("not asked")
	}
}

func TestHTTP2ResetIsNotReplayed(t *testing.T) {
	var posts atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("spoke %s", r.Proto)
		}
		if posts.Add(1) > 1 {
			panic(http.ErrAbortHandler) // RST_STREAM
		}
		answer(w, http.StatusCreated, sample(t, "launchuri-response"))
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	client := newClient(t, server.URL, withTransport(server.Client().Transport))
	if _, err := client.Send(t.Context(), launch()); err != nil {
		t.Fatal(err)
	}
	_, err := client.Send(t.Context(), launch())
	sendError(t, err, graph.Unknown)
	if posts.Load() != 2 {
		t.Errorf("%d POSTs", posts.Load())
	}
}
