package bus_test

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"devicebridge/bridge/bus"
)

// secret stands for what a message holds and no log may.
const secret = "hunter2"

// TestConsumePoisoned: what handles poisonous messages decides about them.
func TestConsumePoisoned(t *testing.T) {
	t.Parallel()
	var lines lockedBuffer
	server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
	b := connect(t, bus.Options{Server: server, Log: slog.New(slog.NewTextHandler(&lines, nil))})
	ensure(t, b, small())
	_, js := insider(t, server)
	type verdict struct {
		delivered uint64
		reason    string
	}
	handled, poisoned := make(chan string, 100), make(chan verdict, 100)
	var begun atomic.Int32
	work := b.DispatchWork(time.Minute, 1, func(_ context.Context, d bus.Delivery) bus.Disposition {
		e, err := d.Stored()
		if err != nil {
			t.Error(err)
		}
		if e.Command.ID == numbered(0) {
			begun.Add(1)
			panic(secret)
		}
		handled <- e.Command.ID
		return bus.Done()
	})
	work.Poisoned = func(_ context.Context, d bus.Delivery, reason string) bus.Disposition {
		poisoned <- verdict{d.Delivered, reason}
		if d.Delivered < 3 {
			return bus.Again(time.Millisecond)
		}
		return bus.Done()
	}
	for i := range 4 {
		appended(t, b, numbered(i), 1)
	}
	consuming(t, b, work)
	for range 3 {
		receive(t, "delivery after a panic", handled)
	}
	for i := range uint64(3) {
		if got := receive(t, "verdict", poisoned); got != (verdict{i + 1, "panic with a string"}) {
			t.Errorf("verdict %+v", got)
		}
	}
	until(t, "everything acknowledged", func() bool {
		info := consumerOf(t, js, work)
		return info.NumAckPending == 0 && info.NumPending == 0
	})
	if begun.Load() != 3 {
		t.Errorf("delivered %d times, want 3", begun.Load())
	}
	text := lines.String()
	if strings.Contains(text, secret) {
		t.Errorf("the log tells of the message:\n%s", text)
	}
	if n := strings.Count(text, "level=ERROR"); n != 3 || !strings.Contains(text, "bus_test.TestConsumePoisoned.func1:") {
		t.Errorf("%d error lines, want 3 that name the function:\n%s", n, text)
	}
}

// TestConsumePanicAlone: without somebody to decide, a poisonous message comes
// again after pauses and the others go on; so, too, where the decision panics.
func TestConsumePanicAlone(t *testing.T) {
	t.Parallel()
	for name, poisoned := range map[string]func(context.Context, bus.Delivery, string) bus.Disposition{
		"nobody decides":      nil,
		"the decision panics": func(context.Context, bus.Delivery, string) bus.Disposition { panic(secret) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := start(t)
			type visit struct {
				delivered uint64
				at        time.Time
			}
			handled, visits := make(chan string, 100), make(chan visit, 100)
			work := b.DispatchWork(time.Minute, 1, func(_ context.Context, d bus.Delivery) bus.Disposition {
				e, err := d.Stored()
				if err != nil {
					t.Error(err)
				}
				if e.Command.ID == numbered(0) {
					visits <- visit{d.Delivered, time.Now()}
					panic(secret)
				}
				handled <- e.Command.ID
				return bus.Done()
			})
			work.Poisoned = poisoned
			appended(t, b, numbered(0), 1)
			appended(t, b, numbered(1), 1)
			consuming(t, b, work)
			if id := receive(t, "the other delivery", handled); id != numbered(1) {
				t.Errorf("delivered %s", id)
			}
			first, second := receive(t, "delivery", visits), receive(t, "second delivery", visits)
			if pause := second.at.Sub(first.at); second.delivered != 2 || pause < time.Second {
				t.Errorf("delivery %d after %s, want the second after a second", second.delivered, pause)
			}
		})
	}
}
