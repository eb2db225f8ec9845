package bus_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// heard collects what hooks are told.
type heard struct {
	mu    sync.Mutex
	words []string
}

func (h *heard) say(word string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.words = append(h.words, word)
}

func (h *heard) all() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.words, " ")
}

func (h *heard) hooks() bus.Hooks {
	return bus.Hooks{
		Appended: func(r bus.AppendResult, took time.Duration) {
			if took <= 0 {
				h.say("in no time:")
			}
			h.say(string(r))
		},
		Connected: func(up bool) {
			if up {
				h.say("up")
				return
			}
			h.say("down")
		},
		Reconnected: func() { h.say("again") },
		Filled:      func(stream string, part float64) { h.say(fmt.Sprintf("%s:%t", stream, part > 0)) },
	}
}

// TestHooksOfAppends: each result of an append is told once.
func TestHooksOfAppends(t *testing.T) {
	var told heard
	b := connect(t, bus.Options{Server: embedded(t, bus.ServerOptions{Dir: t.TempDir()}), Hooks: told.hooks()})
	c := events.Command{ID: numbered(1), DeviceID: "device", State: events.StateAccepted, Sequence: 1}
	write := func(c events.Command) {
		// What becomes of it is what the hook is told.
		_, _ = b.Append(within(t), events.KindOf(events.StateAccepted), c, 0)
	}
	write(c) // there is no stream yet
	ensure(t, b, small())
	write(c)
	write(c)
	c.ID, c.Payload = numbered(2), []byte(`"`+strings.Repeat("x", 1<<20)+`"`)
	write(c)
	if got := told.all(); got != "up unavailable stored conflict refused" {
		t.Errorf("the hooks were told %q", got)
	}
	for _, r := range strings.Fields(told.all())[1:] {
		if !slices.Contains(bus.AppendResults(), bus.AppendResult(r)) {
			t.Errorf("the result %s is not listed", r)
		}
	}
}

// TestHooksOfTheConnection: a lost connection is told of, and that it is there
// again.
func TestHooksOfTheConnection(t *testing.T) {
	t.Parallel()
	var told heard
	target := external(t, t.TempDir()).Addr().String()
	p := newProxy(t, target)
	connect(t, bus.Options{URL: p.url(), Hooks: told.hooks()})
	p.to(target) // which ends the connections there are
	until(t, "the connection is back", func() bool { return strings.HasSuffix(told.all(), "again") })
	if got := told.all(); got != "up down up again" {
		t.Errorf("the hooks were told %q", got)
	}
}

// TestHooksOfAWatch: how full the streams are is told with every look.
func TestHooksOfAWatch(t *testing.T) {
	t.Parallel()
	var told heard
	b := connect(t, bus.Options{Server: embedded(t, bus.ServerOptions{Dir: t.TempDir()}), Hooks: told.hooks()})
	ensure(t, b, small())
	appended(t, b, numbered(1), 1)
	watching(t, b, small())
	until(t, "word of the event stream", func() bool { return strings.Contains(told.all(), " DEVICEBRIDGE_V1_EVENTS:true") })
}

// TestADueTimerTellsItsTime: for when it was set, but not before it was.
func TestADueTimerTellsItsTime(t *testing.T) {
	t.Parallel()
	b, _ := start(t)
	due := make(chan time.Time, 1)
	consuming(t, b, b.TimerWork(time.Minute, 1, func(_ context.Context, d bus.Delivery) bus.Disposition {
		due <- d.Due()
		return bus.Done()
	}))
	at := time.Now().Add(100 * time.Millisecond)
	arm(t, b, numbered(1), at)
	if got := receive(t, "timer", due); !got.Equal(at) {
		t.Errorf("it was due at %v, want %v", got, at)
	}
	before := time.Now()
	arm(t, b, numbered(2), before.Add(-time.Hour))
	if got := receive(t, "timer of the past", due); got.Before(before) {
		t.Errorf("it was due at %v, before it was set at %v", got, before)
	}
	if got := (bus.Delivery{}).Due(); !got.IsZero() {
		t.Errorf("a delivery that is of no timer was due at %v", got)
	}
}
