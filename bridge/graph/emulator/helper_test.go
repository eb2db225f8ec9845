package emulator_test

import (
	"bytes"
	"devicebridge/bridge/graph/emulator"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	tablet   = "6841b3db-2b55-467b-ad84-79a41a4ef665" // the first default device: completes
	launch   = `{ "type" : "LaunchUri", "payload" : {"uri":"https://bing.com"}}`
	pingpong = `{
  "type" : "AppService",
  "appServiceName" : "com.microsoft.test.cdppingpongservice",
  "packageFamilyName" : "5085ShawnHenry.RomanTestApp_jsjw7knzsgcce",
  "payload" : {
    "Type":"Toast","Title":"Hello","Subtitle":"World!"}
  }`
)

// graph is an emulator on a server of its own, and a client of it.
type graph struct {
	*emulator.Emulator
	t      *testing.T
	url    string
	events chan emulator.Event
}

// start serves an emulator without step delays, unless o says otherwise, until the end of the test.
func start(t *testing.T, o emulator.Options) *graph {
	t.Helper()
	g := &graph{t: t, events: make(chan emulator.Event, 10_000)}
	o.OnEvent = func(ev emulator.Event) { g.events <- ev }
	if o.StepDelay == 0 {
		o.StepDelay = -1
	}
	e, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	g.Emulator = e
	srv := httptest.NewServer(e)
	t.Cleanup(func() {
		srv.Close()
		_ = e.Close()
	})
	g.url = srv.URL
	return g
}

// answer is what came back, with the body as bytes and as JSON.
type answer struct {
	status int
	header http.Header
	raw    []byte
	json   map[string]any
}

// request sends with a bearer token and JSON; header overrides, where an empty value removes.
func (g *graph) request(method, path, body string, header map[string]string) (answer, error) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.url+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer Eaeou")
	if body != "" {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	for k, v := range header {
		req.Header.Set(k, v)
		if v == "" {
			req.Header.Del(k)
		}
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: raw}
	_ = json.Unmarshal(raw, &a.json)
	return a, nil
}

// do is request for calls that must be answered.
func (g *graph) do(method, path, body string) answer {
	g.t.Helper()
	a, err := g.request(method, path, body, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return a
}

func (g *graph) get(path string) answer {
	g.t.Helper()
	return g.do(http.MethodGet, path, "")
}

// send posts a command that must be taken and gives its id.
func (g *graph) send(device, body string) string {
	g.t.Helper()
	a := g.do(http.MethodPost, commands(device), body)
	if a.status != http.StatusCreated {
		g.t.Fatalf("POST: %d %s", a.status, a.raw)
	}
	return a.json["id"].(string)
}

// await gives all events up to the first of the kind that is about the status (any, when empty).
func (g *graph) await(kind emulator.EventKind, status string) []emulator.Event {
	g.t.Helper()
	var seen []emulator.Event
	for {
		select {
		case ev := <-g.events:
			seen = append(seen, ev)
			if ev.Kind == kind && (status == "" || ev.Status == status) {
				return seen
			}
		case <-g.t.Context().Done():
			g.t.Fatalf("no event %q %q, only %v", kind, status, seen)
		}
	}
}

func commands(device string) string { return "/beta/me/devices/" + device + "/commands" }

// statuses gives the statuses of the events of one kind.
func statuses(events []emulator.Event, kind emulator.EventKind) []string {
	var list []string
	for _, ev := range events {
		if ev.Kind == kind {
			list = append(list, ev.Status)
		}
	}
	return list
}

// mustEqual compares as JSON.
func mustEqual(t *testing.T, got, want any) {
	t.Helper()
	g, w := canonical(t, got), canonical(t, want)
	if !bytes.Equal(g, w) {
		t.Fatalf("\n got %s\nwant %s", g, w)
	}
}

func canonical(t *testing.T, v any) []byte {
	t.Helper()
	if s, ok := v.(string); ok {
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// receiver is the other end of a postBackUri.
type receiver struct {
	url string

	mu       sync.Mutex
	requests []*http.Request
	bodies   []map[string]any
}

// receive answers postbacks with answers, one after the other, then with 202.
func receive(t *testing.T, answers ...http.HandlerFunc) *receiver {
	t.Helper()
	rc := &receiver{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("postback: %v", err)
		}
		rc.mu.Lock()
		n := len(rc.requests)
		rc.requests, rc.bodies = append(rc.requests, r), append(rc.bodies, body)
		rc.mu.Unlock()
		if n < len(answers) {
			answers[n](w, r)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(srv.Close)
	rc.url = srv.URL + "/postback"
	return rc
}

// seen gives the statuses received, in order.
func (rc *receiver) seen() []string {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	var list []string
	for _, b := range rc.bodies {
		if inner, ok := b["value"].(map[string]any); ok {
			b = inner
		}
		status, ok := b["status"].(string)
		if !ok {
			status, _ = b["Status"].(string)
		}
		list = append(list, status)
	}
	return list
}

func (rc *receiver) last() map[string]any {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.bodies[len(rc.bodies)-1]
}

// with gives a launch command that is posted back to the receiver.
func (rc *receiver) with() string {
	return `{"type":"LaunchUri","payload":{"uri":"https://bing.com"},"postBackUri":"` + rc.url + `"}`
}

// withApp gives an app service command that is posted back to the receiver.
func (rc *receiver) withApp() string {
	return `{"type":"AppService","appServiceName":"a","packageFamilyName":"p","payload":{},"postBackUri":"` + rc.url + `"}`
}

func reply(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}
}
