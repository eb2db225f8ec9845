package bridge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"devicebridge/bridge"
	"devicebridge/events"
)

// TestLaws lets two bridges live through any interleaving of requests,
// deliveries, timers, postbacks, lost acknowledgements and crashes, and holds:
// at most one POST that Graph did not answer with "not taken"; events without
// gaps; every receipt is a stored command; and, once the faults end, every
// command ends.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		if violations := simulate(t, choices().Draw(rt, "choices"), nil); len(violations) > 0 {
			rt.Fatal(strings.Join(violations, "\n"))
		}
	})
}

// choices draws a life, a short or a long one: rapid by itself prefers few.
func choices() *rapid.Generator[[]uint64] {
	return rapid.Custom(func(t *rapid.T) []uint64 {
		n := rapid.SampledFrom([]int{20, 100, 400, 1200}).Draw(t, "length")
		return rapid.SliceOfN(rapid.Uint64(), n, n).Draw(t, "choices")
	})
}

// TestTheChecksFindABrokenBridge is the negative control of TestLaws.
func TestTheChecksFindABrokenBridge(t *testing.T) {
	for _, c := range []struct {
		name    string
		breakIt func(*world)
		finds   string
	}{
		{"it sends without a proven claim", func(w *world) { w.lies = true }, "is POSTed again"},
		{"it sends before it claims", func(w *world) { w.early = true }, "is POSTed again"},
		{"it acknowledges what it did not store", func(w *world) { w.hasty = true }, "is acknowledged"},
		{"it forgets its timers", func(w *world) { w.deaf = true }, "never ends"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range 200 {
				violations := simulate(t, choices().Example(seed), c.breakIt)
				if strings.Contains(strings.Join(violations, "\n"), c.finds) {
					return
				}
			}
			t.Errorf("in 200 lives nothing %q was found", c.finds)
		})
	}
}

// live is a troubled life as long as there are choices, then a calm end.
func (w *world) live() []string {
	defer w.end()
	for len(w.choices) > 0 {
		w.step()
	}
	w.calm = true
	w.drain()
	return w.violations
}

// step chooses what happens next. To go on is chosen most often: a life of
// beginnings tests little.
func (w *world) step() {
	replica := w.choose(2)
	parked, due := w.parked(), w.due()
	switch n := w.choose(40); {
	case n < 3:
		w.request(replica)
	case n < 5:
		w.pass(time.Duration(1+w.choose(60)) * time.Second)
	case n < 6:
		w.kill(replica)
	case n < 9:
		w.report(replica)
	case n < 10:
		w.cancel(replica)
	case n < 12 && len(w.messages) > 0:
		w.deliver(pick(w, w.messages), replica) // twice, whatever its acknowledgement time
	case n < 20 && len(due) > 0:
		w.deliver(pick(w, due), replica)
	case len(parked) > 0:
		w.resume(pick(w, parked))
	case len(due) > 0:
		w.deliver(pick(w, due), replica)
	default:
		w.pass(time.Second)
	}
}

// resume lets a step go on from its port.
func (w *world) resume(t *task) {
	v := w.verdict(t.port)
	w.mu.Lock()
	t.port = ""
	w.mu.Unlock()
	t.resume <- v
	synctest.Wait()
}

// commands is how many commands a life may have.
const commands = 8

func (w *world) request(replica int) {
	n := 1 + w.choose(commands)
	body := launch(fmt.Sprintf(`"requestId":"%d"`, n), fmt.Sprintf(`"expiresIn":"%dm"`, n*n))
	if n == 5 { // its payload stands in its first event only
		body = launchWith(largePayload(2000), fmt.Sprintf(`"requestId":"%d"`, n))
	}
	if n%2 == 0 {
		body = call(fmt.Sprintf(`"requestId":"%d"`, n))
	}
	w.begin(replica, func(ctx context.Context, b *bridge.Bridge) {
		receipt, err := b.Send(ctx, nil, body)
		if _, missing := w.store.Latest(ctx, receipt.Command.ID); err == nil && missing != nil {
			w.violate("a receipt for %s, which is not stored", receipt.Command.ID)
		}
	})
}

func (w *world) cancel(replica int) {
	id := events.RequestCommandID(fmt.Sprint(1 + w.choose(commands)))
	w.begin(replica, func(ctx context.Context, b *bridge.Bridge) {
		_, _ = b.Cancel(ctx, idBody(id)) // refused more often than not
	})
}

// report sends a postback for a command that Graph has taken.
func (w *world) report(replica int) {
	if len(w.graph.taken) == 0 {
		return
	}
	id := pick(w, w.graph.taken)
	o := events.Observation{
		Status:  string(pick(w, events.GraphStates())),
		GraphID: pick(w, []string{"", "g-" + id}),
	}
	o.Digest = o.Status + o.GraphID
	w.begin(replica, func(ctx context.Context, b *bridge.Bridge) {
		err := b.Postback(ctx, id, []events.Observation{o})
		if err == nil || w.hasty {
			w.reflected(id, o)
		}
		if events.HasCode(err, events.CodeNotFound) {
			w.violate("a postback of %s, which is stored, is not found", id)
		}
	})
}

// reflected holds an acknowledged end against the record: the command has ended,
// unless the end is to be confirmed.
func (w *world) reflected(id string, o events.Observation) {
	latest, err := w.store.Latest(w.t.Context(), id)
	if err == nil && events.StateOfStatus(o.Status).Terminal() && !latest.Command.Terminal && !w.confirm {
		w.violate("%s of %s is acknowledged, and the command is %s", o.Status, id, latest.Command.State)
	}
}

// drain runs everything without faults until nothing is left to do, and checks
// that every command has ended by then.
func (w *world) drain() {
	for range 5000 {
		if parked := w.parked(); len(parked) > 0 {
			w.resume(parked[0])
		} else if due := w.due(); len(due) > 0 {
			w.deliver(due[0], 0)
		} else if !w.idle() {
			w.pass(w.untilNext())
		} else {
			break
		}
	}
	for n := range commands {
		id := events.RequestCommandID(fmt.Sprint(n + 1))
		if latest, err := w.store.Latest(w.t.Context(), id); err == nil && !latest.Command.Ended() {
			w.violate("command %s never ends: it is %s", id, latest.Command.State)
		}
		if response, err := w.store.LatestResponse(w.t.Context(), id); err == nil && response.Command.ResponseRef != nil {
			if _, ok := w.store.objects[response.Command.ResponseRef.Name]; !ok {
				w.violate("the payload of command %s is not in its object", id)
			}
		}
	}
}

func (w *world) idle() bool {
	return w.running() == 0 && len(w.messages) == 0 && len(w.store.timers) == 0 && len(w.store.asks) == 0
}

// untilNext gives how long nothing happens.
func (w *world) untilNext() time.Duration {
	next := time.Now().Add(24 * time.Hour)
	if w.running() > 0 {
		next = time.Now().Add(time.Second) // a step sleeps
	}
	for _, m := range w.messages {
		next = earliest(next, m.visible)
	}
	for _, at := range w.store.timers {
		next = earliest(next, at)
	}
	for _, a := range w.store.asks {
		next = earliest(next, a.at)
	}
	return max(time.Until(next), time.Millisecond)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
