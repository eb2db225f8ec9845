package graph_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"devicebridge/bridge/graph"
)

const (
	objectID = "6a59ea83-02bd-468f-a40b-f2c3d1821983"
	groupID  = "80a963dd-84af-4eb8-b2a6-781e444d4fb0"
	advanced = "eventual"
)

// step is a request that a strict server expects, and its answer. HOST in an
// answer stands for the server's own origin.
type step struct {
	method, uri string // the URI as it stands in the request line
	consistency string
	body        string // of the request
	status      int
	header      map[string]string
	answer      string
}

// script plays the steps in order and refuses every other request.
type script struct {
	t     *testing.T
	mu    sync.Mutex
	steps []step
	host  string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.steps) == 0 {
		s.t.Errorf("unexpected %s %s", r.Method, r.RequestURI)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	now := s.steps[0]
	s.steps = s.steps[1:]
	if r.Method != now.method || r.RequestURI != "/v1.0"+now.uri {
		s.t.Errorf("asked\n%s %s, want\n%s %s", r.Method, r.RequestURI, now.method, "/v1.0"+now.uri)
	}
	if got := r.Header.Values("ConsistencyLevel"); strings.Join(got, "|") != now.consistency {
		s.t.Errorf("%s %s has ConsistencyLevel %q, want %q", r.Method, r.RequestURI, got, now.consistency)
	}
	accept := "application/json"
	if strings.Contains(now.uri, "$count?") || strings.HasSuffix(now.uri, "/$count") {
		accept = "text/plain"
	}
	want := map[string]string{"Authorization": "Bearer " + token, "Accept": accept}
	if now.body != "" {
		want["Content-Type"] = "application/json; charset=utf-8"
	}
	checkHeaders(s.t, r.Header, want)
	if body := string(readAll(s.t, r.Body)); body != now.body {
		s.t.Errorf("%s %s has the body\n%s, want\n%s", r.Method, r.RequestURI, body, now.body)
	}
	for name, value := range now.header {
		w.Header().Set(name, strings.ReplaceAll(value, "HOST", s.host))
	}
	if now.answer == "" {
		w.WriteHeader(now.status)
		return
	}
	answer(w, now.status, []byte(strings.ReplaceAll(now.answer, "HOST", s.host)))
}

// play gives a client of a server that expects these steps, all of them.
func play(t *testing.T, steps ...step) *graph.Directory {
	t.Helper()
	s := &script{t: t, steps: steps}
	server := httptest.NewServer(s)
	s.host = server.URL
	t.Cleanup(func() {
		server.Close()
		if len(s.steps) > 0 {
			t.Errorf("%d requests did not come, the first is %s %s", len(s.steps), s.steps[0].method, s.steps[0].uri)
		}
	})
	return newDirectory(t, server.URL+"/v1.0")
}

func newDirectory(t *testing.T, baseURL string) *graph.Directory {
	t.Helper()
	credential, err := graph.StaticToken(token)
	if err != nil {
		t.Fatal(err)
	}
	directory, err := graph.NewDirectory(graph.Options{BaseURL: baseURL, Credential: credential})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(directory.CloseIdleConnections)
	return directory
}

func get(uri, answer string) step {
	return step{method: http.MethodGet, uri: uri, status: http.StatusOK, answer: answer}
}

func graphError(code, message string) string {
	return fmt.Sprintf(`{"error":{"code":%q,"message":%q,"innerError":{"date":"2026-11-25T10:00:00","request-id":"r-1"}}}`, code, message)
}
