package main

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"devicebridge/bridge/bus"
)

// health is what the process knows of its fitness to store a postback now. Its
// zero value is starting.
type health struct {
	mu      sync.Mutex
	started bool
	// draining is for good.
	draining bool
	// troubles are those that NATS has, in the order in which they began.
	troubles []bus.Trouble
}

func (h *health) start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started = true
}

func (h *health) drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// observe notes that a trouble stands, or stands no more.
func (h *health) observe(trouble bus.Trouble, stands bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.troubles = slices.DeleteFunc(h.troubles, func(t bus.Trouble) bool { return t == trouble })
	if stands {
		h.troubles = append(h.troubles, trouble)
	}
}

// readiness gives the HTTP status of /readyz, 200 or 503, and why, a reason per
// line. Ready is who can store a postback now and is not stopping.
func (h *health) readiness() (status int, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ready := h.started && !h.draining
	var reasons []string
	if !h.started {
		reasons = append(reasons, "starting")
	}
	if h.draining {
		reasons = append(reasons, "stopping")
	}
	for _, t := range h.troubles {
		words, blocks := troubleText(t)
		ready = ready && !blocks
		reasons = append(reasons, string(t)+": "+words)
	}
	status, text = http.StatusOK, "ready"
	if !ready {
		status, text = http.StatusServiceUnavailable, "not ready"
	}
	return status, strings.Join(append([]string{text}, reasons...), "\n") + "\n"
}

// troubleText says what a trouble means for a postback, and whether one cannot be
// stored because of it.
func troubleText(t bus.Trouble) (words string, blocks bool) {
	switch t {
	case bus.Disconnected:
		return "there is no connection to NATS", true
	case bus.NoAnswer:
		return "JetStream does not answer", true
	case bus.StreamMissing:
		return "a stream of the bridge is missing", true
	case bus.StreamDiffers:
		return "a stream is not configured as declared", true
	case bus.StoreFailed:
		return "the embedded NATS server cannot write", true
	case bus.StorageFull:
		return "storage is nearly full: new commands are refused, postbacks are stored", false
	default:
		return "NATS has a trouble", true
	}
}
