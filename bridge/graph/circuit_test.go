package graph_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/graph"
)

// moody is a Graph that answers as it is told, without a network, and counts.
type moody struct {
	answer      reply
	gets, posts atomic.Int32
}

func (m *moody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		m.posts.Add(1)
	} else {
		m.gets.Add(1)
	}
	return m.answer(r)
}

// reply makes an answer.
type reply func(*http.Request) (*http.Response, error)

// says gives an answer with a status and, where given, a Retry-After.
func says(status int, retryAfter string) reply {
	return func(r *http.Request) (*http.Response, error) {
		body := `{"id":"0","status":"requesting","value":[]}`
		header := http.Header{}
		if retryAfter != "" {
			header.Set("Retry-After", retryAfter)
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func breaks(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

// opened gives a client whose circuit has just opened, after five failed POSTs.
func opened(t *testing.T, m *moody, change ...func(*graph.Options)) *graph.Client {
	t.Helper()
	m.answer = says(http.StatusBadGateway, "")
	client := newClient(t, "https://graph.example", append(change, withTransport(m))...)
	for range 5 {
		_, err := client.Send(t.Context(), launch())
		sendError(t, err, graph.Unknown)
	}
	if !client.Circuit().Open {
		t.Fatal("the circuit is closed after five failures")
	}
	m.posts.Store(0)
	return client
}

// wantOpen gives what the open circuit said in the place of asking Graph.
func wantOpen(t *testing.T, what string, err error) graph.CircuitOpenError {
	t.Helper()
	open, ok := errors.AsType[*graph.CircuitOpenError](err)
	if !ok {
		t.Fatalf("%s: got %v, want that the circuit is open", what, err)
	}
	return *open
}

// TestAnOpenCircuitBeginsNothing: while Graph is left alone nothing is claimed,
// posted or asked, and everybody is told until when.
func TestAnOpenCircuitBeginsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []graph.CircuitState
		m := new(moody)
		client := opened(t, m, func(o *graph.Options) { o.OnCircuit = func(s graph.CircuitState) { told = append(told, s) } })
		until := time.Now().Add(10 * time.Second)
		if s := client.Circuit(); s != (graph.CircuitState{Open: true, Until: until, Reason: "it answered 502"}) {
			t.Errorf("state %+v", s)
		}
		wantOpen(t, "Ready", client.Ready(t.Context()))
		_, err := client.Command(t.Context(), deviceID, "0")
		if open := wantOpen(t, "Command", err); open.Wait() != 10*time.Second || !strings.Contains(err.Error(),
			"it answered 502) and is left alone until "+until.UTC().Format(time.RFC3339)) {
			t.Errorf("told %v, wait %s", err, open.Wait())
		}
		_, err = client.Send(t.Context(), launch())
		if e := sendError(t, err, graph.NotTaken); e.RetryAfter != 10*time.Second || e.HasRetryAfter {
			t.Errorf("wait %s, of Graph: %v", e.RetryAfter, e.HasRetryAfter)
		}
		wantOpen(t, "Send", err)
		if m.gets.Load() != 0 || m.posts.Load() != 0 {
			t.Errorf("%d GETs and %d POSTs", m.gets.Load(), m.posts.Load())
		}

		<-time.After(11 * time.Second) // on the bubble's clock
		m.answer = says(http.StatusOK, "")
		if err := client.Ready(t.Context()); err != nil {
			t.Errorf("not ready: %v", err)
		}
		if m.gets.Load() != 1 || client.Circuit().Open {
			t.Errorf("%d GETs, %+v", m.gets.Load(), client.Circuit())
		}
		if len(told) != 2 || !told[0].Open || told[1] != (graph.CircuitState{}) {
			t.Errorf("told %+v", told)
		}
		m.answer = says(http.StatusCreated, "")
		if _, err := client.Send(t.Context(), launch()); err != nil || m.posts.Load() != 1 {
			t.Errorf("%v, %d POSTs", err, m.posts.Load())
		}
	})
}

// TestOneTrialAtATime: of many commands that wait, one finds out, by a GET, and
// no POST is ever the trial.
func TestOneTrialAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(moody)
		client := opened(t, m)
		<-time.After(11 * time.Second) // on the bubble's clock
		_, err := client.Send(t.Context(), launch())
		sendError(t, err, graph.NotTaken)
		wantOpen(t, "Send while nobody has tried", err)

		release := make(chan struct{})
		m.answer = func(r *http.Request) (*http.Response, error) {
			<-release
			return says(http.StatusNotFound, "")(r)
		}
		var ready, refused atomic.Int32
		var waiting sync.WaitGroup
		for range 10 {
			waiting.Go(func() {
				if client.Ready(t.Context()) == nil {
					ready.Add(1)
				} else {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		if m.gets.Load() != 1 || refused.Load() != 9 {
			t.Errorf("%d trials under way, %d refused", m.gets.Load(), refused.Load())
		}
		_, err = client.Send(t.Context(), launch())
		sendError(t, err, graph.NotTaken)
		close(release)
		waiting.Wait()
		if m.gets.Load() != 1 || m.posts.Load() != 0 || ready.Load() != 1 || client.Circuit().Open {
			t.Errorf("%d trials, %d POSTs, %d ready, %+v", m.gets.Load(), m.posts.Load(), ready.Load(), client.Circuit())
		}
	})
}

func TestAFailedTrialOpensTheCircuitAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(moody)
		client := opened(t, m)
		m.answer = breaks
		<-time.After(11 * time.Second) // on the bubble's clock
		if open := wantOpen(t, "Ready", client.Ready(t.Context())); open.Wait() != 10*time.Second || open.State.Reason != "no answer" {
			t.Errorf("state %+v", open.State)
		}
		wantOpen(t, "Ready", client.Ready(t.Context()))
		if m.gets.Load() != 1 {
			t.Errorf("%d trials", m.gets.Load())
		}
		// A caller who goes away has found out nothing, and the next one may try.
		<-time.After(11 * time.Second) // on the bubble's clock
		ctx, cancel := context.WithCancel(t.Context())
		m.answer = func(r *http.Request) (*http.Response, error) {
			cancel()
			return nil, r.Context().Err()
		}
		wantOpen(t, "Ready", client.Ready(ctx))
		m.answer = says(http.StatusTooManyRequests, "30") // an answer: what follows from it is the throttle's
		if err := client.Ready(t.Context()); err != nil || m.gets.Load() != 3 {
			t.Errorf("%v after %d trials", err, m.gets.Load())
		}
	})
}

// TestWhatCountsAsAFailure sends twenty requests that end in the same way.
func TestWhatCountsAsAFailure(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer reply
		opens  bool
	}{
		{"200", says(200, ""), false},
		{"400", says(400, ""), false},
		{"401", says(401, ""), false},
		{"404", says(404, ""), false},
		{"408", says(408, ""), false},
		{"429", says(429, ""), false},
		{"429 with a wait", says(429, "600"), false},
		{"503 with a wait", says(503, "600"), false},
		{"503 bare", says(503, ""), true},
		{"500", says(500, ""), true},
		{"504 with a wait", says(504, "600"), true},
		{"no answer", breaks, true},
		{"our own time-out", func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, true},
		{"an answer that breaks off", func(r *http.Request) (*http.Response, error) {
			resp, err := says(200, "")(r)
			resp.Body = io.NopCloser(io.MultiReader(resp.Body, brokenReader{}))
			return resp, err
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &moody{answer: c.answer}
				client := newClient(t, "https://graph.example", withTransport(m))
				for range 20 {
					_, _ = client.Send(t.Context(), launch())
				}
				if got := client.Circuit().Open; got != c.opens {
					t.Errorf("open: %v after %d POSTs", got, m.posts.Load())
				}
				if c.opens && m.posts.Load() != 5 {
					t.Errorf("opened after %d POSTs", m.posts.Load())
				}
			})
		})
	}
	t.Run("a caller who goes away", func(t *testing.T) {
		m := new(moody)
		client := newClient(t, "https://graph.example", withTransport(m))
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			m.answer = func(r *http.Request) (*http.Response, error) {
				cancel()
				return nil, r.Context().Err()
			}
			_, err := client.Send(ctx, launch())
			sendError(t, err, graph.Unknown)
		}
		if client.Circuit().Open || m.posts.Load() != 20 {
			t.Errorf("%+v after %d POSTs", client.Circuit(), m.posts.Load())
		}
	})
	t.Run("in a row only", func(t *testing.T) {
		m := new(moody)
		client := newClient(t, "https://graph.example", withTransport(m), func(o *graph.Options) { o.CircuitFailures = 2 })
		for range 10 {
			m.answer = breaks
			_, _ = client.Send(t.Context(), launch())
			m.answer = says(404, "")
			_, _ = client.Send(t.Context(), launch())
		}
		if client.Circuit().Open {
			t.Error("opened by failures that were not in a row")
		}
		m.answer = breaks
		_, _ = client.Send(t.Context(), launch())
		_, _ = client.Send(t.Context(), launch())
		if !client.Circuit().Open {
			t.Error("not opened by two in a row")
		}
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestTheSecondPOSTAfter401MeetsTheCircuit: it opened between the two POSTs, so
// Graph's 401 stands and the command was not taken.
func TestTheSecondPOSTAfter401MeetsTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(moody)
		var client *graph.Client
		m.answer = func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost {
				for range 5 {
					_, _ = client.Command(t.Context(), deviceID, "0")
				}
				return says(http.StatusUnauthorized, "")(r)
			}
			return says(http.StatusInternalServerError, "")(r)
		}
		client = newClient(t, "https://graph.example", withTransport(m), withCredential(&tokens{}))
		_, err := client.Send(t.Context(), launch())
		sendError(t, err, graph.NotTaken)
		wantOpen(t, "Send", err)
		if e, ok := errors.AsType[*graph.Error](err); !ok || e.StatusCode != http.StatusUnauthorized || m.posts.Load() != 1 {
			t.Errorf("%v after %d POSTs", err, m.posts.Load())
		}
	})
}
