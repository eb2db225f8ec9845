package bridge_test

import (
	"strings"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/command"
)

// complete gives options in which nothing is missing.
func complete() bridge.Options {
	m, g := new(memory), new(scripted)
	return bridge.Options{Stream: m, Shelf: m, Watcher: m, Timers: m, Payloads: m, Eraser: m, Sender: g, Observer: g, Directory: g, Callbacks: urls{}}
}

func TestOptionsDefaults(t *testing.T) {
	b, err := bridge.New(complete())
	if err != nil {
		t.Fatal(err)
	}
	if b.MaxMessage != 1<<20 || b.MaxAge != 168*time.Hour || b.ExpiresDefault != time.Hour || b.ExpiresMax != 72*time.Hour || b.Lease != time.Minute {
		t.Errorf("defaults %d, %v, %v, %v, %v", b.MaxMessage, b.MaxAge, b.ExpiresDefault, b.ExpiresMax, b.Lease)
	}
	if want := (command.Timing{PollFirst: 30 * time.Second, PollMax: 5 * time.Minute, PollGrowth: 2, Grace: time.Hour}); b.Timing != want {
		t.Errorf("timing %+v, want %+v", b.Timing, want)
	}
	if b.Log == nil || b.Now == nil {
		t.Error("no log or no clock")
	}
}

func TestEveryMissingOptionIsNamed(t *testing.T) {
	_, err := bridge.New(bridge.Options{})
	if err == nil {
		t.Fatal("nothing is missing")
	}
	for _, name := range []string{"Stream", "Shelf", "Watcher", "Timers", "Payloads", "Eraser", "Sender", "Observer", "Directory", "Callbacks"} {
		if !strings.Contains(err.Error(), "Options."+name+" is required") {
			t.Errorf("%s is not named in %q", name, err)
		}
	}
}

// TestNoCommandMayOutliveItsEvents: neither its end nor the grace after it.
func TestNoCommandMayOutliveItsEvents(t *testing.T) {
	for _, c := range []struct {
		name                          string
		age, longest, usual, graceFor time.Duration
		ok                            bool
	}{
		{"exactly", 25 * time.Hour, 24 * time.Hour, time.Hour, time.Hour, true},
		{"grace too long", 25*time.Hour - 1, 24 * time.Hour, time.Hour, time.Hour, false},
		{"default longer than the longest", 25 * time.Hour, time.Hour, 2 * time.Hour, time.Hour, false},
		{"age shorter than the default of the longest", 24 * time.Hour, 0, 0, 0, false},
	} {
		o := complete()
		o.MaxAge, o.ExpiresMax, o.ExpiresDefault, o.Timing.Grace = c.age, c.longest, c.usual, c.graceFor
		if _, err := bridge.New(o); (err == nil) != c.ok {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}
