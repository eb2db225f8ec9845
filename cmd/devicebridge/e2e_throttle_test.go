package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

// narrowGraph takes so many commands at once and throttles what comes beyond; each
// answer takes a moment.
type narrowGraph struct {
	atOnce, last int

	mu          sync.Mutex
	here, taken int
	early, late int           // 429s before and after half of them were taken
	done        chan struct{} // closed with the last
}

// ServeHTTP implements http.Handler.
func (g *narrowGraph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	taken := g.enter()
	<-time.After(40 * time.Millisecond)
	if !taken {
		w.Header().Set("Retry-After", "0.1")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"error":{"code":"tooManyRequests","message":"slow down"}}`)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"id":"g%d","status":"requesting"}`, g.leave())
}

func (g *narrowGraph) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.here < g.atOnce:
		g.here++
		return true
	case g.taken < g.last/2:
		g.early++
	default:
		g.late++
	}
	return false
}

func (g *narrowGraph) leave() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.here--
	if g.taken++; g.taken == g.last {
		close(g.done)
	}
	return g.taken
}

// TestThrottledLessAndLess: at first all workers meet a Graph that takes only a few
// commands at once, time and again; then the bridge keeps to about what it takes.
func TestThrottledLessAndLess(t *testing.T) {
	graph := &narrowGraph{atOnce: 8, last: 300, done: make(chan struct{})}
	r := startRig(t, rigOptions{graph: graph, vars: map[string]string{"BRIDGE_WORKERS": "64"}})
	for n := range graph.last {
		r.mustSend(launchURI("throttled" + strconv.Itoa(n)))
	}
	select {
	case <-graph.done:
	case <-time.After(2 * time.Minute):
	}
	graph.mu.Lock()
	defer graph.mu.Unlock()
	t.Logf("%d taken; 429s: %d before half of them, %d after", graph.taken, graph.early, graph.late)
	if graph.taken != graph.last || graph.early < 10 || graph.late > graph.early/2 {
		t.Errorf("not less and less")
	}
}
