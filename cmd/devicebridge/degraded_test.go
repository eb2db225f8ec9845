package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/signin"
)

// cliChecks gives the lines of the verbose form by their check, with one space
// between two columns.
func cliChecks(text string) (verdict string, checks map[string]string) {
	checks = map[string]string{}
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) < 4 {
			verdict += strings.TrimSpace(line)
		} else {
			checks[words[0]] = strings.Join(words[1:], " ")
		}
	}
	return verdict, checks
}

func TestVerboseReadinessListsEveryCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h health
		check := func(status int, verdict string, want map[string]string) {
			t.Helper()
			gotStatus, text := h.verbose()
			gotVerdict, checks := cliChecks(text)
			if gotStatus != status || gotVerdict != verdict || checks["CHECK"] != "STATE FOR REASON" {
				t.Errorf("%d %q", gotStatus, text)
			}
			for name, line := range want {
				if checks[name] != line {
					t.Errorf("%s is %q, want %q", name, checks[name], line)
				}
			}
			for _, name := range append(conditions(), "running", string(bus.NoAnswer), string(bus.StorageFull)) {
				if checks[name] == "" {
					t.Errorf("%s is not listed in %q", name, text)
				}
			}
		}
		check(http.StatusServiceUnavailable, "not ready", map[string]string{"running": "failing - starting", "noAnswer": "unknown - -", "circuitOpen": "unknown - -"})
		h.start()
		<-time.After(time.Minute) // on the bubble's clock, as below
		h.degrade("circuitOpen", "Graph fails")
		h.degrade("anything", "as it says")
		<-time.After(30 * time.Second)
		h.degrade("circuitOpen", "Graph still fails")
		check(http.StatusOK, "ready", map[string]string{
			"running": "ok 1m30s -", "noAnswer": "ok 1m30s -", "circuitOpen": "degraded 30s Graph still fails", "anything": "degraded 30s as it says",
		})
		if status, text := h.readiness(); status != http.StatusOK || text != "ready\nanything: as it says\ncircuitOpen: Graph still fails\n" {
			t.Errorf("the plain form is %d %q", status, text)
		}
		h.observe(bus.StreamMissing, "", true)
		h.observe(bus.StorageFull, "", true)
		h.recovered("circuitOpen")
		h.recovered("anything")
		<-time.After(time.Second)
		check(http.StatusServiceUnavailable, "not ready", map[string]string{
			"streamMissing": "failing 1s a stream of the bridge is missing", "circuitOpen": "ok 1s -", "anything": "",
			"storageFull": "degraded 1s storage is nearly full: new commands are refused, postbacks are stored",
		})
		h.observe(bus.StreamMissing, "", false)
		h.drain()
		check(http.StatusServiceUnavailable, "not ready", map[string]string{"running": "failing - stopping", "streamMissing": "ok 0s -"})
	})
}

func TestConditionsAreInTheMetrics(t *testing.T) {
	o := &operator{metrics: newMetrics(build{Version: "1", Go: "go"}), health: new(health)}
	o.health.start()
	until := time.Date(2026, 11, 22, 10, 0, 5, 0, time.UTC)
	for _, s := range []graph.CircuitState{{Open: true, Until: until, Reason: "it answered 502"}, {}} {
		o.observeCircuit(s)
		want := map[bool]float64{true: 1, false: 0}[s.Open]
		values := cliGathered(t, o.metrics)
		if values[`devicebridge_graph_circuit_open{part="commands"}`] != want || values[`devicebridge_degraded{condition="circuitOpen"}`] != want {
			t.Errorf("with %+v the metrics are %v and %v", s, values[`devicebridge_graph_circuit_open{part="commands"}`], values[`devicebridge_degraded{condition="circuitOpen"}`])
		}
		text := "ready\n"
		if s.Open {
			text += "circuitOpen: Graph failed several times in a row (it answered 502): commands wait; it is tried again from 2026-11-22T10:00:05Z on, by one request at a time\n"
		}
		if status, got := o.health.readiness(); status != http.StatusOK || got != text {
			t.Errorf("with %+v readiness is %d %q", s, status, got)
		}
	}
}

// TestASignInThatIsNotRefreshed says what becomes of commands: before the present
// token ends they are sent.
func TestASignInThatIsNotRefreshed(t *testing.T) {
	end := time.Now().Add(time.Hour)
	for name, test := range map[string]struct {
		status signin.Status
		words  string
	}{
		"a token that is good":  {signin.Status{State: signin.Unreachable, Reason: "down", TokenExpires: end}, "down (the present token is used until it ends, at " + end.UTC().Format(time.RFC3339) + ")"},
		"a token that ended":    {signin.Status{State: signin.Unreachable, Reason: "down", TokenExpires: time.Now()}, "down (nothing is asked of Graph, and commands wait, unclaimed)"},
		"nobody is signed in":   {signin.Status{State: signin.SignedOut, Reason: "nobody", TokenExpires: end}, "nobody (nothing is asked of Graph, and commands wait, unclaimed)"},
		"refused, a good token": {signin.Status{State: signin.Refused, Reason: "no", TokenExpires: end}, "no (nothing is asked of Graph, and commands wait, unclaimed)"},
	} {
		o := &operator{metrics: newMetrics(build{Version: "1", Go: "go"}), health: new(health)}
		o.health.start()
		o.observeSignIn(test.status)
		if _, got := o.health.readiness(); got != "ready\nsignIn: "+test.words+"\n" {
			t.Errorf("%s: %q", name, got)
		}
		var log strings.Builder
		logSignIn(slog.New(slog.NewTextHandler(&log, nil)), test.status)
		if waits := strings.Contains(log.String(), "commands wait"); waits != strings.Contains(test.words, "commands wait") {
			t.Errorf("%s: %s", name, log.String())
		}
	}
}

// TestABridgeWhoseGraphFails keeps its webhook in rotation, says what is wrong,
// keeps a new command unclaimed, and sends it, once, when Graph answers again.
func TestABridgeWhoseGraphFails(t *testing.T) {
	e, err := emulator.New(emulator.Options{StepDelay: 25 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	var down atomic.Bool
	var gets, posts atomic.Int32
	down.Store(true)
	b := cliStartOn(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		map[bool]*atomic.Int32{true: &posts, false: &gets}[r.Method == http.MethodPost].Add(1)
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		e.ServeHTTP(w, r)
	}))
	for n := range 5 {
		b.fails(exitUnavailable, "Graph answered 502 badGateway", "devices")
		if n == 3 {
			cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n")
		}
	}
	b.fails(exitUnavailable, "Graph failed several times in a row (it answered 502) and is left alone until ", "devices")
	if gets.Load() != 5 {
		t.Errorf("Graph was asked %d times", gets.Load())
	}
	id := cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "x:y"), "command")
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\ncircuitOpen: Graph failed several times in a row (it answered 502): commands wait; ")
	cliUntil(t, b.admin+"/metrics", http.StatusOK, "\ndevicebridge_graph_circuit_open{part=\"commands\"} 1\n")
	_, checks := cliChecks(cliGet(t, b.admin+"/readyz?verbose"))
	if !strings.HasPrefix(checks["circuitOpen"], "degraded ") || !strings.HasPrefix(checks["disconnected"], "ok ") {
		t.Errorf("the checks are %v", checks)
	}
	down.Store(false)
	out := b.follow(1, id, "--kind", "completed", "--all")
	if !strings.Contains(out[0], id) || posts.Load() != 1 || gets.Load() != 6 {
		t.Errorf("%q after %d POSTs and %d GETs", out, posts.Load(), gets.Load())
	}
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n")
	if _, checks := cliChecks(cliGet(t, b.admin+"/readyz?verbose")); !strings.HasPrefix(checks["circuitOpen"], "ok ") {
		t.Errorf("then the checks are %v", checks)
	}
	cliUntil(t, b.admin+"/metrics", http.StatusOK, "\ndevicebridge_graph_circuit_open{part=\"commands\"} 0\n")
	if lines := b.follow(6, id, "--all"); strings.Contains(fmt.Sprint(lines), "deferred") {
		t.Errorf("it was claimed before Graph answered: %q", lines)
	}
}
