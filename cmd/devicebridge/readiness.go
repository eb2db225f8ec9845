package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"devicebridge/bridge/bus"
)

// readiness gives the HTTP status of /readyz, 200 or 503, and why, a reason per
// line. Ready is who can store a postback now and is not stopping.
func (h *health) readiness() (status int, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	status, text = h.verdict()
	var reasons []string
	if !h.started {
		reasons = append(reasons, h.starting())
	}
	if h.draining {
		reasons = append(reasons, "stopping")
	}
	for _, f := range h.faults {
		reasons = append(reasons, f.name+": "+f.words)
	}
	return status, strings.Join(append([]string{text}, reasons...), "\n") + "\n"
}

func (h *health) verdict() (status int, text string) {
	if h.started && !h.draining && !slices.ContainsFunc(h.faults, func(f fault) bool { return f.blocks }) {
		return http.StatusOK, "ready"
	}
	return http.StatusServiceUnavailable, "not ready"
}

// verbose is readiness with every check that there is, a line each: its name, its
// state, for how long it has been so, and why.
func (h *health) verbose() (status int, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	status, text = h.verdict()
	var b strings.Builder
	_, _ = fmt.Fprintln(&b, text)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row(t, "CHECK", "STATE", "FOR", "REASON")
	switch {
	case h.draining:
		row(t, "running", "failing", "", "stopping")
	case !h.started:
		row(t, "running", "failing", "", h.starting())
	default:
		row(t, "running", "ok", age(h.begun), "")
	}
	for _, name := range h.checks() {
		if i := h.find(name); i >= 0 {
			f := h.faults[i]
			row(t, name, f.state(), age(f.since), f.words)
			continue
		}
		state, since := "ok", later(h.begun, h.over[name])
		if since.IsZero() {
			state = "unknown" // nobody has looked yet
		}
		row(t, name, state, age(since), "")
	}
	_ = t.Flush() // into memory
	return status, b.String()
}

// checks names everything that is told of, and what is told of beyond that.
func (h *health) checks() []string {
	var names []string
	for _, t := range bus.AllTroubles() {
		names = append(names, string(t))
	}
	names = append(names, conditions()...)
	for _, f := range h.faults {
		if !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
	}
	return names
}

func (f fault) state() string {
	if f.blocks {
		return "failing"
	}
	return "degraded"
}

// age gives how long ago a time was, in whole seconds; empty without one.
func age(since time.Time) string {
	if since.IsZero() {
		return ""
	}
	return time.Since(since).Round(time.Second).String()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
