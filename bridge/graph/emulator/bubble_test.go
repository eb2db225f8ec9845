package emulator_test

import (
	"context"
	"devicebridge/bridge/graph/emulator"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// bubble runs f in a synctest bubble, where time is simulated and every goroutine must have ended when f returns, with
// an emulator whose postbacks go to the transport instead of the network.
func bubble(t *testing.T, o emulator.Options, rt http.RoundTripper, f func(t *testing.T, b *inBubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &inBubble{}
		o.PostbackTransport = rt
		o.OnEvent = func(ev emulator.Event) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, ev)
		}
		e, err := emulator.New(o)
		if err != nil {
			t.Fatal(err)
		}
		b.Emulator = e
		f(t, b)
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

type inBubble struct {
	*emulator.Emulator
	mu     sync.Mutex
	events []emulator.Event
}

// post sends a command without a network.
func (b *inBubble) post(ctx context.Context, device, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, commands(device), strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer Eaeou")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

// of gives the events of one kind so far.
func (b *inBubble) of(kind emulator.EventKind) []emulator.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []emulator.Event
	for _, ev := range b.events {
		if ev.Kind == kind {
			list = append(list, ev)
		}
	}
	return list
}

// roundTrip is a transport. It closes the request body, as transports must.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	return f(r)
}

func status(code int, header ...string) (*http.Response, error) {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: http.NoBody}, nil
}

// canned is the answer of a receiver, or the failure to reach it.
type canned struct {
	code   int
	header []string
	err    error
}

func answering(code int, header ...string) canned { return canned{code: code, header: header} }

func failing() canned { return canned{err: errors.New("connection refused")} }

// inTurn answers each call with the next of the answers, and then with 202.
func inTurn(answers ...canned) http.RoundTripper {
	var mu sync.Mutex
	return roundTrip(func(*http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		next := answering(http.StatusAccepted)
		if len(answers) > 0 {
			next, answers = answers[0], answers[1:]
		}
		if next.err != nil {
			return nil, next.err
		}
		return status(next.code, next.header...)
	})
}

const posted = `{"type":"LaunchUri","payload":{"uri":"https://bing.com"},"postBackUri":"https://bridge.example.org/p"}`

// one gives a single device "d" with the script.
func one(script ...emulator.Step) []emulator.Device {
	return []emulator.Device{{ID: "d", Script: script}}
}
