package main

import (
	"slices"
	"sync"
	"time"

	"devicebridge/bridge/bus"
)

// health is what the process knows of its fitness to store a postback now. Its
// zero value is starting.
type health struct {
	mu      sync.Mutex
	started bool
	// waits says what the start waits for; empty: for nothing.
	waits string
	// draining is for good.
	draining bool
	// faults are what is not as it should be, in the order in which it was told.
	faults []fault
	// begun is when the start was over; over has when a fault ended after that.
	begun time.Time
	over  map[string]time.Time
}

// fault is one thing that is not as it should be: a trouble of NATS, or a
// condition.
type fault struct {
	name, words string
	blocks      bool // a postback cannot be stored
	since       time.Time
}

func (h *health) start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started, h.begun = true, time.Now()
}

// wait notes what the start waits for; empty: for nothing.
func (h *health) wait(why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waits = why
}

// starting is the reason of a bridge that has not started yet. The lock is held.
func (h *health) starting() string {
	if h.waits == "" {
		return "starting"
	}
	return "starting: " + h.waits
}

func (h *health) drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// observe notes that a trouble of NATS stands, or stands no more. detail names what it is
// about.
func (h *health) observe(trouble bus.Trouble, detail string, stands bool) {
	if !stands {
		h.end(string(trouble))
		return
	}
	words, blocks := troubleText(trouble)
	switch trouble {
	case bus.NoAnswer, bus.StreamMissing, bus.StreamDiffers, bus.EventsMissing, bus.RequestsCaptured, bus.ConsumerDiffers, bus.ConsumerPaused:
		if detail != "" {
			words += ": " + detail
		}
	}
	h.begin(fault{name: string(trouble), words: words, blocks: blocks})
}

// degrade notes that a condition stands, which keeps no postback from being
// stored.
func (h *health) degrade(condition, reason string) {
	h.begin(fault{name: condition, words: reason})
}

// recovered notes that a condition stands no more.
func (h *health) recovered(condition string) { h.end(condition) }

func (h *health) begin(f fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.since = time.Now()
	if i := h.find(f.name); i >= 0 {
		f.since = h.faults[i].since
		h.faults = slices.Delete(h.faults, i, i+1)
	}
	h.faults = append(h.faults, f)
}

func (h *health) end(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := h.find(name)
	if i < 0 {
		return
	}
	h.faults = slices.Delete(h.faults, i, i+1)
	if h.over == nil {
		h.over = map[string]time.Time{}
	}
	h.over[name] = time.Now()
}

func (h *health) find(name string) int {
	return slices.IndexFunc(h.faults, func(f fault) bool { return f.name == name })
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
	case bus.EventsMissing:
		return "events are missing from the event stream: nothing is stored or sent until the bridge is started again and told how to go on; its log says how", true
	case bus.RequestsCaptured:
		return "another stream answers requests beside the bridge", false
	case bus.ConsumerDiffers:
		return "a consumer of the bridge is not as declared: requests or commands may wait, postbacks are stored", false
	case bus.ConsumerPaused:
		return "a consumer of the bridge is paused on the NATS server: what it delivers waits, postbacks are stored", false
	case bus.StoreFailed:
		return "the embedded NATS server cannot write", true
	case bus.StorageSpent:
		return "storage is full: not even a postback can be stored", true
	case bus.StorageFull:
		return "storage is nearly full: new commands are refused, postbacks are stored", false
	default:
		return "NATS has a trouble", true
	}
}
