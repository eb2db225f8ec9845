package graph_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/graph"
)

func TestSendBeforeAnythingIsWritten(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked without trust") }))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)

	t.Run("dial", func(t *testing.T) {
		_, err := newClient(t, closed).Send(t.Context(), launch())
		sendError(t, err, graph.NotTaken)
	})
	t.Run("TLS", func(t *testing.T) {
		_, err := newClient(t, secure.URL).Send(t.Context(), launch())
		sendError(t, err, graph.NotTaken)
	})
	t.Run("DNS", func(t *testing.T) {
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "graph.example", IsNotFound: true}}
		}}
		_, err := newClient(t, "https://graph.example/beta", withTransport(transport)).Send(t.Context(), launch())
		sendError(t, err, graph.NotTaken)
		if _, ok := errors.AsType[*net.DNSError](err); !ok {
			t.Errorf("the cause is lost: %v", err)
		}
	})
	t.Run("no token", func(t *testing.T) {
		credential := &tokens{last: 1}
		credential.given.Store(1)
		_, err := newClient(t, closed, withCredential(credential)).Send(t.Context(), launch())
		sendError(t, err, graph.NotTaken)
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := newClient(t, closed).Send(ctx, launch())
		if sendError(t, err, graph.NotTaken); !errors.Is(err, context.Canceled) {
			t.Errorf("the cause is lost: %v", err)
		}
	})
}

// The reports of a transport decide, not its error.
func TestSendNeedsProofThatNothingWasWritten(t *testing.T) {
	cases := []struct {
		name    string
		reports func(*httptrace.ClientTrace)
		want    graph.Outcome
	}{
		{"no report at all", func(*httptrace.ClientTrace) {}, graph.Unknown},
		{"no connection", func(c *httptrace.ClientTrace) { c.GetConn("") }, graph.NotTaken},
		{"connection unused", func(c *httptrace.ClientTrace) { c.GetConn(""); c.GotConn(httptrace.GotConnInfo{}) }, graph.NotTaken},
		{"first header", func(c *httptrace.ClientTrace) {
			c.GetConn("")
			c.GotConn(httptrace.GotConnInfo{})
			c.WroteHeaderField("Host", nil)
		}, graph.Unknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			transport := roundTrip(func(r *http.Request) (*http.Response, error) {
				c.reports(httptrace.ContextClientTrace(r.Context()))
				return nil, errors.New("broken")
			})
			_, err := newClient(t, "https://graph.example", withTransport(transport)).Send(t.Context(), launch())
			sendError(t, err, c.want)
		})
	}
	t.Run("connection, context ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(r.Context())
			trace.GetConn("")
			trace.GotConn(httptrace.GotConnInfo{})
			cancel()
			return nil, r.Context().Err()
		})
		_, err := newClient(t, "https://graph.example", withTransport(transport)).Send(ctx, launch())
		sendError(t, err, graph.Unknown)
	})
	t.Run("neither answer nor error", func(t *testing.T) {
		transport := roundTrip(func(*http.Request) (*http.Response, error) { return nil, nil })
		_, err := newClient(t, "https://graph.example", withTransport(transport)).Send(t.Context(), launch())
		sendError(t, err, graph.Unknown)
	})
}

func TestTimeoutsBoundEveryCall(t *testing.T) {
	hang := withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}))
	for name, change := range map[string]func(*graph.Options){
		"default": func(*graph.Options) {},
		"given":   func(o *graph.Options) { o.PostTimeout, o.GetTimeout = 30*time.Second, 15*time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, "https://graph.example", hang, change)
				start := time.Now()
				_, err := client.Send(t.Context(), launch())
				if sendError(t, err, graph.Unknown); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 30*time.Second {
					t.Errorf("Send ended after %s with %v", time.Since(start), err)
				}
				start = time.Now()
				_, err = client.Command(t.Context(), deviceID, "0")
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 15*time.Second {
					t.Errorf("Command ended after %s with %v", time.Since(start), err)
				}
			})
		})
	}
}

func TestAnswersAreBounded(t *testing.T) {
	const limit = 8 << 20
	body := func(size int) []byte {
		head := []byte(`{"id":"a","status":"requesting","payload":"`)
		return append(append(head, bytes.Repeat([]byte("x"), size-len(head)-2)...), `"}`...)
	}
	for size, fits := range map[int]bool{limit: true, limit + 1: false} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			asked := make(chan struct{}, 8)
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked <- struct{}{}
				answer(w, http.StatusOK, body(size))
			})
			_, err := client.Command(t.Context(), deviceID, "a")
			if (err == nil) != fits {
				t.Errorf("Command: %v", err)
			}
			if _, err = client.Send(t.Context(), launch()); !fits {
				sendError(t, err, graph.Unknown)
			} else if err != nil {
				t.Error(err)
			}
			if len(asked) != 2 {
				t.Errorf("asked %d times", len(asked))
			}
		})
	}
	t.Run("error answer", func(t *testing.T) {
		asked := make(chan struct{}, 8)
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			asked <- struct{}{}
			answer(w, http.StatusBadRequest, body(limit+1))
		})
		_, err := client.Send(t.Context(), launch())
		if e, ok := sendError(t, err, graph.Refused).Err.(*graph.Error); !ok || e.StatusCode != http.StatusBadRequest { //nolint:errorlint // nothing else may be wrapped
			t.Errorf("Send: %v", err)
		}
		_, err = client.Command(t.Context(), deviceID, "a")
		if e, ok := errors.AsType[*graph.Error](err); !ok || e.StatusCode != http.StatusBadRequest || len(asked) != 2 {
			t.Errorf("Command: asked %d times, %v", len(asked), err)
		}
	})
}
