package bus_test

import (
	"fmt"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/events"
)

// TestFaultPurgedTimers takes every timer away from commands in every stage that
// waits for one. A sweep sets them anew, and every command ends.
func TestFaultPurgedTimers(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	_, js := insider(t, server)
	g := new(counting)
	br := bridging(t, b, g)
	const each = 5
	ids := make(map[string]events.State)
	for i := range each {
		accepted := purgeable(t, br, fmt.Sprint("accepted", i))
		ids[accepted] = events.StateAccepted

		requesting := purgeable(t, br, fmt.Sprint("requesting", i))
		from, err := b.Latest(within(t), requesting)
		if err != nil {
			t.Fatal(err)
		}
		if again := br.Dispatch(within(t), from, bridge.Delivery{Count: 1, Alive: func() error { return nil }}); again != 0 {
			t.Fatalf("dispatch comes again after %v", again)
		}
		ids[requesting] = events.StateRequesting

		// Claimed by a replica that is gone.
		claimed := purgeable(t, br, fmt.Sprint("claimed", i))
		if from, err = b.Latest(within(t), claimed); err != nil {
			t.Fatal(err)
		}
		c := from.Command
		c.State, c.Sequence, c.Attempt, c.Source = events.StateSending, 2, 1, events.SourceDispatch
		if _, err := b.Append(within(t), events.KindOf(events.StateSending), c, from.Sequence); err != nil {
			t.Fatal(err)
		}
		ids[claimed] = events.StateSending
	}
	timers, err := js.Stream(within(t), timerStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := timers.Purge(within(t)); err != nil {
		t.Fatal(err)
	}
	for id, state := range ids {
		armed, err := b.Armed(within(t), id)
		latest, missing := b.Latest(within(t), id)
		if armed || err != nil || missing != nil || latest.Command.State != state {
			t.Errorf("command %s is %s, armed %t (%v, %v); want %s without a timer", id, latest.Command.State, armed, err, missing, state)
		}
	}

	if report, err := br.Sweep(within(t)); err != nil || report.Armed != len(ids) {
		t.Errorf("the sweep found %+v, %v; want %d to arm", report, err, len(ids))
	}
	// Timers alone: nobody works on accepted commands here.
	consuming(t, b, b.TimerWork(time.Minute, 4, looking(br, b)))
	for id := range ids {
		untilState(t, b, id, events.StateTimedOut)
		if n := g.sent(id); n > 1 || n == 0 && ids[id] != events.StateSending {
			t.Errorf("%d POSTs of what was %s", n, ids[id])
		}
	}
}

// purgeable accepts a command with a short life.
func purgeable(t *testing.T, br *bridge.Bridge, requestID string) string {
	t.Helper()
	body := fmt.Appendf(nil, `{"requestId":%q,"expiresIn":"4s",%s`, requestID, askedFor[1:])
	receipt, err := br.Send(within(t), nil, body)
	if err != nil {
		t.Fatal(err)
	}
	return receipt.Command.ID
}
