package bus_test

import (
	"context"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// due is one firing of a timer.
type due struct {
	command string
	at      time.Time
}

// timing works on due timers until the test ends.
func timing(t *testing.T, b *bus.Bus) <-chan due {
	t.Helper()
	fired := make(chan due, 100)
	consuming(t, b, b.TimerWork(time.Minute, 4, func(_ context.Context, d bus.Delivery) bus.Disposition {
		command, ok := b.Subjects().ParseTimer(d.Subject)
		if !ok {
			t.Errorf("%s is not the subject of a timer", d.Subject)
		}
		fired <- due{command, time.Now()}
		return bus.Done()
	}))
	return fired
}

func arm(t *testing.T, b *bus.Bus, id string, at time.Time) {
	t.Helper()
	if err := b.Arm(within(t), id, at); err != nil {
		t.Fatal(err)
	}
}

// wantFired fails unless each timer fires once and not before its time.
func wantFired(t *testing.T, fired <-chan due, times map[string]time.Time) {
	t.Helper()
	for range len(times) {
		d := receive(t, "timer", fired)
		if at, armed := times[d.command]; !armed || d.at.Before(at) {
			t.Errorf("the timer of %s, armed for %s, fired at %s", d.command, at, d.at)
		}
		delete(times, d.command)
	}
	if len(times) > 0 {
		t.Errorf("timers without a firing: %v", times)
	}
}

func TestTimer(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	_, js := insider(t, server)
	fired := timing(t, b)
	now := time.Now()
	times := map[string]time.Time{
		numbered(0): now.Add(-time.Hour), // passed: at once
		numbered(1): now.Add(300 * time.Millisecond),
		numbered(2): now.Add(1300 * time.Millisecond), // not cut to a whole second
	}
	for id, at := range times {
		arm(t, b, id, at)
	}
	wantFired(t, fired, times)
	until(t, "nothing is left of the timers", func() bool { return messages(t, js, timerStream) == 0 })
}

// TestTimerReplaced: a command has one timer, the last armed.
func TestTimerReplaced(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	_, js := insider(t, server)
	stream, err := js.Stream(t.Context(), timerStream)
	if err != nil {
		t.Fatal(err)
	}
	armed := func() string {
		msg, err := stream.GetLastMsgForSubject(within(t), b.Subjects().TimerAt(numbered(1)))
		if err != nil {
			t.Fatal(err)
		}
		return msg.Header.Get("Nats-Schedule")
	}
	soon, later := time.Now().Add(time.Minute), time.Now().Add(time.Hour)
	arm(t, b, numbered(1), soon)
	arm(t, b, numbered(1), later)
	if want := "@at " + later.UTC().Format(time.RFC3339Nano); armed() != want {
		t.Errorf("armed %s, want %s", armed(), want)
	}
	if n := messages(t, js, timerStream); n != 1 {
		t.Errorf("%d timers of one command", n)
	}
	fired := timing(t, b)
	arm(t, b, numbered(1), time.Now())
	if d := receive(t, "timer in place of the later one", fired); d.command != numbered(1) {
		t.Errorf("the timer of %s fired", d.command)
	}
	until(t, "nothing is left of the timers", func() bool { return messages(t, js, timerStream) == 0 })
}

// TestTimerSurvivesRestart: armed is armed, also when the server is not there at
// the time.
func TestTimerSurvivesRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	before := connect(t, bus.Options{Server: first})
	ensure(t, before, small())
	appended(t, before, numbered(0), 2)
	now := time.Now()
	times := map[string]time.Time{numbered(0): now.Add(500 * time.Millisecond), numbered(1): now.Add(1500 * time.Millisecond)}
	for id, at := range times {
		arm(t, before, id, at)
	}
	if err := before.Close(within(t)); err != nil {
		t.Error(err)
	}
	first.Stop()

	b := connect(t, bus.Options{Server: embedded(t, bus.ServerOptions{Dir: dir})})
	ensure(t, b, small())
	wantFired(t, timing(t, b), times)
	if got, err := b.Latest(t.Context(), numbered(0)); err != nil || got.Command.Sequence != 2 {
		t.Errorf("after the restart the latest is %+v, %v", got, err)
	}
}

// TestTimerNotArmed: an error says that nothing is armed.
func TestTimerNotArmed(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	_, js := insider(t, server)
	if err := js.DeleteStream(t.Context(), timerStream); err != nil {
		t.Fatal(err)
	}
	if err := b.Arm(t.Context(), numbered(1), time.Now()); err == nil {
		t.Error("armed without a stream")
	}
	ensure(t, b, small())
	if n := messages(t, js, timerStream); n != 0 {
		t.Errorf("%d timers", n)
	}
}

func TestTimerArmed(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	_, js := insider(t, server)
	wantArmed := func(when string, want bool) {
		t.Helper()
		for id, want := range map[string]bool{numbered(1): want, numbered(2): false} {
			if armed, err := b.Armed(within(t), id); armed != want || err != nil {
				t.Errorf("%s: %t, %v, want %t", when, armed, err, want)
			}
			all, err := b.AllArmed(within(t))
			if _, armed := all[id]; armed != want || err != nil {
				t.Errorf("%s, of all: %t, %v, want %t", when, armed, err, want)
			}
		}
	}
	wantArmed("never armed", false)
	arm(t, b, numbered(1), time.Now().Add(time.Hour))
	wantArmed("armed", true)
	arm(t, b, numbered(1), time.Now())
	timers, err := js.Stream(t.Context(), timerStream)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the timer due", func() bool {
		_, err := timers.GetLastMsgForSubject(within(t), b.Subjects().TimerDue(numbered(1)))
		return err == nil
	})
	wantArmed("due and not done", true)
	receive(t, "timer", timing(t, b))
	until(t, "the firing acknowledged", func() bool { return messages(t, js, timerStream) == 0 })
	wantArmed("done", false)

	if err := js.DeleteStream(t.Context(), timerStream); err != nil {
		t.Fatal(err)
	}
	_, err = b.Armed(within(t), numbered(1))
	wantCode(t, err, events.CodeUnavailable)
	if _, err := b.AllArmed(within(t)); err == nil {
		t.Error("all timers are told without a stream")
	}
}

// TestAsk: a question about a command is a timer beside the command's own, the
// later takes the earlier's place, and its delivery tells which try it is.
func TestAsk(t *testing.T) {
	t.Parallel()
	b, _ := start(t)
	id := numbered(1)
	tries := make(chan int, 10)
	arm(t, b, id, time.Now().Add(time.Second))
	for try, at := range []time.Time{time.Now().Add(time.Hour), time.Now()} {
		if err := b.Ask(within(t), id, at, try+1); err != nil {
			t.Fatal(err)
		}
	}
	consuming(t, b, b.TimerWork(time.Minute, 1, func(_ context.Context, d bus.Delivery) bus.Disposition {
		if command, ok := b.Subjects().ParseTimer(d.Subject); !ok || command != id {
			t.Errorf("it is delivered on %s", d.Subject)
		}
		tries <- d.Confirm()
		return bus.Done()
	}))
	if first, second := receive(t, "question", tries), receive(t, "timer", tries); first != 2 || second != 0 {
		t.Errorf("deliveries of try %d and %d, want 2 and the command's own timer, 0", first, second)
	}
	until(t, "no timer, nor the first question, stands", func() bool {
		armed, err := b.Armed(within(t), id)
		return !armed && err == nil
	})
}
