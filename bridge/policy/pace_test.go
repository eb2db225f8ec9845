package policy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const (
	minute = time.Minute
	hour   = time.Hour
)

// queueing is a model of commands that come back when they were told to.
type queueing struct {
	id, device string
	at         time.Time
}

// TestRatesHold has many commands come at once, each again when it was told to or
// a little late, and counts what was let through in every second.
func TestRatesHold(t *testing.T) {
	p := with(t, `{"sendRate": "10/s", "deviceSendRate": "30/m"}`)
	var waiting []queueing
	for n := range 300 {
		waiting = append(waiting, queueing{fmt.Sprint("c", n), fmt.Sprint("d", n%7), epoch})
	}
	sent, perDevice := map[int]int{}, map[string][]time.Time{}
	var last time.Time
	for len(waiting) > 0 {
		slices.SortStableFunc(waiting, func(a, b queueing) int { return a.at.Compare(b.at) })
		next := waiting[0]
		waiting = waiting[1:]
		if wait := p.Turn(next.id, next.device, next.at, epoch.Add(hour)); wait > 0 {
			late := time.Duration(len(waiting)%5) * 100 * time.Millisecond
			waiting = append(waiting, queueing{next.id, next.device, next.at.Add(wait + late)})
			continue
		}
		sent[int(next.at.Sub(epoch)/time.Second)]++
		perDevice[next.device] = append(perDevice[next.device], next.at)
		last = next.at
	}
	for second, count := range sent {
		if count > 10+20 { // the rate, and what may be used at once
			t.Errorf("%d were sent in second %d", count, second)
		}
	}
	for device, times := range perDevice {
		for i := 30; i < len(times); i++ {
			if d := times[i].Sub(times[i-30]); d < minute-2*time.Second {
				t.Errorf("%s was sent 31 commands in %v", device, d)
			}
		}
	}
	// 43 commands a device at one in two seconds: nobody has to wait much longer.
	if took := last.Sub(epoch); took < 80*time.Second || took > 120*time.Second {
		t.Errorf("the last was sent after %v", took)
	}
}

// TestManyForOneDevice do not stand before those for others.
func TestManyForOneDevice(t *testing.T) {
	p := with(t, `{"sendRate": "10/s", "deviceSendRate": "1/m"}`)
	for n := range 30 {
		if wait := p.Turn(fmt.Sprint("c", n), "busy", epoch, epoch.Add(hour)); wait != time.Duration(n)*minute {
			t.Errorf("command %d waits %v", n, wait)
		}
	}
	if wait := p.Turn("other", "idle", epoch, epoch.Add(hour)); wait != 0 {
		t.Errorf("a command for another device waits %v", wait)
	}
}

// TestATurnIsKept: who asks early is told the rest, who comes late finds it, and
// who is new does not overtake.
func TestATurnIsKept(t *testing.T) {
	p := with(t, `{"sendRate": "1/m"}`)
	until := epoch.Add(hour)
	p.Turn("a", "d", epoch, until)
	turn := func(id string, after, want time.Duration) {
		t.Helper()
		if got := p.Turn(id, "d", epoch.Add(after), until); got.Round(time.Millisecond) != want {
			t.Errorf("%s at %v waits %v, want %v", id, after, got, want)
		}
	}
	turn("b", 0, minute)
	turn("b", 20*time.Second, 40*time.Second)
	turn("c", 30*time.Second, 90*time.Second)
	turn("new", 61*time.Second, 2*minute-time.Second)
	turn("b", 62*time.Second, 0)
	turn("c", 2*minute, 2*time.Second) // the one before was late
}

// TestWhoEndsBeforeGetsNoTurn: a backlog does not grow beyond what can be sent.
func TestWhoEndsBeforeGetsNoTurn(t *testing.T) {
	p := with(t, `{"sendRate": "1/m"}`)
	p.Turn("a", "d", epoch, epoch.Add(hour))
	for n := range 10 {
		if wait := p.Turn(fmt.Sprint("short", n), "d", epoch, epoch.Add(30*time.Second)); wait != minute {
			t.Errorf("short %d waits %v", n, wait)
		}
	}
	if wait := p.Turn("long", "d", epoch, epoch.Add(hour)); wait != minute {
		t.Errorf("the next waits %v", wait)
	}
}

// TestThousandsOfDevicesAreNotRememberedForEver measures nothing: it shows that
// forgetting them keeps the rate of those in use.
func TestThousandsOfDevicesAreNotRememberedForEver(t *testing.T) {
	p := with(t, `{"deviceSendRate": "1/h"}`)
	now := epoch
	for n := range 40_000 {
		now = now.Add(time.Second)
		if wait := p.Turn(fmt.Sprint("c", n), fmt.Sprint("d", n), now, now.Add(hour)); wait != 0 {
			t.Fatalf("the first command of device %d waits %v", n, wait)
		}
	}
	if wait := p.Turn("again", "d39999", now, now.Add(hour)); wait != hour {
		t.Errorf("the second command of the last device waits %v", wait)
	}
}
