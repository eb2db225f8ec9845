package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"devicebridge/bridge/graph"
)

// line is what the log says of one request.
type line struct {
	Level, Msg, Method, Operation, ClientRequestID, RequestID, AgsDiagnostic, Date, Error string
	Status                                                                                int
}

func logged(t *testing.T, out *bytes.Buffer) []line {
	t.Helper()
	var lines []line
	for text := range bytes.Lines(out.Bytes()) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatal(err)
		}
		if l.Msg == "graph request" {
			lines = append(lines, l)
		}
	}
	return lines
}

// TestFailuresAreInTheOrdinaryLogByBothIDs, and what is ordinary is not.
func TestFailuresAreInTheOrdinaryLogByBothIDs(t *testing.T) {
	for _, c := range []struct {
		name, method string
		status       int
		level        string
	}{
		{"a GET", http.MethodGet, 200, "DEBUG"},
		{"a POST", http.MethodPost, 201, "DEBUG"},
		{"a command that is not there yet", http.MethodGet, 404, "DEBUG"},
		{"a device that is not there", http.MethodPost, 404, "WARN"},
		{"refused", http.MethodPost, 400, "WARN"},
		{"signed out", http.MethodGet, 401, "WARN"},
		{"throttled", http.MethodPost, 429, "WARN"},
		{"broken", http.MethodGet, 500, "WARN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			var sent []string
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				sent = append(sent, r.Header.Get("client-request-id"))
				w.Header().Set("request-id", "graph-7")
				w.Header().Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"West Europe"}}`)
				w.Header().Set("Date", "Tue, 18 Aug 2020 12:51:51 GMT")
				answer(w, c.status, sample(t, "launchuri-response"))
			}, func(o *graph.Options) {
				o.Log = slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			operation := "get command"
			if c.method == http.MethodPost {
				operation = "send command"
				_, _ = client.Send(t.Context(), launch())
			} else {
				_, _ = client.Command(t.Context(), deviceID, "0158355AD4D680CC4E2994CC009EFFD7337D1B0A")
			}
			lines := logged(t, &out)
			if len(lines) != len(sent) || len(sent) == 0 || len(slices.Compact(slices.Sorted(slices.Values(sent)))) != len(sent) {
				t.Fatalf("%d lines for the requests %q", len(lines), sent)
			}
			for i, l := range lines {
				want := line{
					c.level, "graph request", c.method, operation, sent[i], "graph-7",
					`{"ServerInfo":{"DataCenter":"West Europe"}}`, "Tue, 18 Aug 2020 12:51:51 GMT", "", c.status,
				}
				if l != want {
					t.Errorf("logged %+v, want %+v", l, want)
				}
			}
		})
	}
	t.Run("no answer", func(t *testing.T) {
		var out bytes.Buffer
		var sent string
		client := newClient(t, "https://graph.example", withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
			sent = r.Header.Get("client-request-id")
			return nil, errors.New("connection refused")
		})), func(o *graph.Options) { o.Log = slog.New(slog.NewJSONHandler(&out, nil)) })
		_, _ = client.Send(t.Context(), launch())
		if l := logged(t, &out); len(l) != 1 || l[0].ClientRequestID != sent || l[0].Error != "connection refused" {
			t.Errorf("logged %+v for %s", l, sent)
		}
	})
	t.Run("a caller who goes away", func(t *testing.T) {
		var out bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		client := newClient(t, "https://graph.example", withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
			cancel()
			return nil, r.Context().Err()
		})), func(o *graph.Options) { o.Log = slog.New(slog.NewJSONHandler(&out, nil)) })
		_, _ = client.Command(ctx, deviceID, "0")
		if out.Len() > 0 {
			t.Errorf("logged %s", out.String())
		}
	})
}

// TestTheCircuitIsInTheLogOnce when it opens and once when it is over.
func TestTheCircuitIsInTheLogOnce(t *testing.T) {
	var out bytes.Buffer
	m := new(moody)
	client := opened(t, m, func(o *graph.Options) {
		o.Log, o.CircuitOpenFor = slog.New(slog.NewTextHandler(&out, nil)), time.Nanosecond
	})
	for range 3 {
		wantOpen(t, "Ready", client.Ready(t.Context()))
	}
	m.answer = says(200, "")
	if err := client.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]int{"Graph is left alone: it failed several times in a row": 1, "Graph answers again": 1} {
		if n := bytes.Count(out.Bytes(), []byte(words)); n != want {
			t.Errorf("%q is there %d times", words, n)
		}
	}
}

// TestEveryRequestIsObserved with what a metric may use.
func TestEveryRequestIsObserved(t *testing.T) {
	var seen []graph.Exchange
	m := new(moody)
	client := newClient(t, "https://graph.example", withTransport(m), func(o *graph.Options) {
		o.Observe = func(e graph.Exchange) { e.Duration = min(e.Duration, 0); seen = append(seen, e) }
	})
	m.answer = says(429, "0.001")
	_, _ = client.Command(t.Context(), deviceID, "0")
	m.answer = says(503, "2.5")
	_, _ = client.Send(t.Context(), launch())
	m.answer = breaks
	_, _ = client.Send(t.Context(), launch())
	m.answer = says(404, "7") // no throttling, whatever it asks
	_, _ = client.ResponsePayload(t.Context(), deviceID, "0")
	m.answer = says(200, "")
	_, _ = client.Devices(t.Context())
	get := graph.Exchange{Operation: "get command", Method: "GET", StatusCode: 429, Throttled: time.Millisecond}
	want := []graph.Exchange{
		get, get, get,
		{Operation: "send command", Method: "POST", StatusCode: 503, Throttled: 2500 * time.Millisecond},
		{Operation: "send command", Method: "POST"},
		{Operation: "get response payload", Method: "GET", StatusCode: 404},
		{Operation: "list devices", Method: "GET", StatusCode: 200},
	}
	if !slices.Equal(seen, want) {
		t.Errorf("observed %+v", seen)
	}
	for _, e := range seen {
		if !slices.Contains(graph.Operations(), e.Operation) {
			t.Errorf("%q is not among the operations", e.Operation)
		}
	}
}
