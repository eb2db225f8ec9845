package inventory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/inventory"
	"devicebridge/events"
)

// live lets a poller look at a source n times at least.
func live(t *testing.T, source inventory.Source, feed *memory, n int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		stop := run(t, inventory.Options{Source: source, Feed: feed, Devices: feed, Every: every})
		pass(time.Duration(n) * 2 * every)
		stop()
	})
}

// pass lets time pass, and what is due then be done.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// run runs a poller; the function given back ends it and waits for it.
func run(t *testing.T, o inventory.Options) (stop func()) {
	t.Helper()
	p, err := inventory.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestNew(t *testing.T) {
	_, err := inventory.New(inventory.Options{Every: -1})
	for _, name := range []string{"Source", "Feed", "Devices", "Every"} {
		if err == nil || !strings.Contains(err.Error(), "Options."+name) {
			t.Errorf("error %v does not name %s", err, name)
		}
	}
}

// TestLoad: any number of replicas reads as often as one, and one that dies is
// followed by another.
func TestLoad(t *testing.T) {
	for _, replicas := range []int{1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			fleet, feed := newFleet(), newMemory()
			fleet.set("x", nil)
			var stops []func()
			for range replicas {
				stops = append(stops, run(t, inventory.Options{Source: fleet, Feed: feed, Devices: feed}))
			}
			pass(100 * time.Minute)
			// At the very first all of them find no cursor.
			if reads := fleet.read(); reads < 80 || reads > 115+replicas {
				t.Errorf("%d replicas read %d times in 100 minutes", replicas, reads)
			}
			for len(stops) > 0 {
				stops[0]()
				if stops = stops[1:]; len(stops) == 0 {
					break
				}
				fleet.set("x", map[string]string{"left": fmt.Sprint(len(stops))})
				pass(3 * time.Minute)
				if violations := feed.settled(fleet); len(violations) > 0 {
					t.Errorf("with %d left: %v", len(stops), violations)
				}
			}
		})
	}
}

// TestRestart: who comes back waits first, since another may have read just now;
// nothing is published again.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, feed := newFleet(), newMemory()
		for i := range 10 {
			fleet.set(fmt.Sprint(i), nil)
		}
		o := inventory.Options{Source: fleet, Feed: feed, Devices: feed, Every: every}
		stop := run(t, o)
		pass(every / 2)
		if n := len(feed.told()); n != 10 {
			t.Errorf("%d events at first", n)
		}
		reads := fleet.read()
		for range 5 {
			stop()
			stop = run(t, o)
			pass(every / 2)
		}
		if fleet.read() != reads {
			t.Errorf("%d reads by those who came and went", fleet.read()-reads)
		}
		pass(every)
		stop()
		if fleet.read() != reads+1 || len(feed.told()) > 0 {
			t.Errorf("%d reads then", fleet.read()-reads)
		}
	})
}

// TestRoundCutOff: a full read that is cut off begins again, and nobody is called
// missing who was seen before the cut.
func TestRoundCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, feed := newFleet(), newMemory()
		for i := range 9 {
			fleet.set(fmt.Sprint(i), nil)
		}
		o := inventory.Options{Source: fleet, Feed: feed, Devices: feed, Every: every}
		stop := run(t, o)
		pass(every / 2)
		stop()
		fleet.remove("8", events.ReasonDeleted)
		fleet.forget(true)
		feed.told()

		cut := &cutting{fleet: fleet, after: 4} // the forgotten link and three of five pages
		o.Source = cut
		stop = run(t, o)
		pass(2 * every)
		stop()
		o.Source = fleet
		stop = run(t, o)
		pass(2 * every)
		stop()
		if got, want := feed.told(), []string{`deleted 8.2 missing{"id":"8"}`}; !slices.Equal(got, want) {
			t.Errorf("published %v, want %v", got, want)
		}
	})
}

// cutting is a source that fails after some pages.
type cutting struct {
	*fleet
	after int
}

func (c *cutting) Delta(ctx context.Context, link string) (inventory.Page, error) {
	if c.after--; c.after < 0 {
		return inventory.Page{}, errors.New("cut off")
	}
	return c.fleet.Delta(ctx, link)
}

// TestTroubleInARound: a trouble in the middle of a full read by a process that
// lives on does not begin it again.
func TestTroubleInARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, feed := newFleet(), newMemory()
		for i := range 20 {
			fleet.set(fmt.Sprint(i), nil)
		}
		source := &flaky{fleet: fleet}
		stop := run(t, inventory.Options{Source: source, Feed: feed, Devices: feed, Every: every})
		pass(30 * every)
		stop()
		if violations := append(feed.check(fleet), feed.settled(fleet)...); len(violations) > 0 {
			t.Error(violations)
		}
		if source.begun != 2 { // the very first page fails
			t.Errorf("it began %d times", source.begun)
		}
	})
}

// flaky fails at every other call.
type flaky struct {
	*fleet
	calls, begun int
}

func (f *flaky) Delta(ctx context.Context, link string) (inventory.Page, error) {
	if link == "" {
		f.begun++
	}
	if f.calls++; f.calls%2 == 1 {
		return inventory.Page{}, errors.New("429")
	}
	return f.fleet.Delta(ctx, link)
}

// TestBigPage: what does not go into one commit goes into several, and is there
// once, although the page is cut off in between.
func TestBigPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, feed := newFleet(), newMemory()
		fleet.size = 1000
		for i := range 950 {
			fleet.set(fmt.Sprintf("%03d", i), nil)
		}
		few := &choosy{memory: feed, refuse: 3}
		stop := run(t, inventory.Options{Source: fleet, Feed: few, Devices: feed, Every: every})
		pass(10 * every)
		stop()
		if violations := append(feed.check(fleet), feed.settled(fleet)...); len(violations) > 0 || len(feed.log) != 950 || few.most > 200 {
			t.Errorf("%d events, %d at once at most: %v", len(feed.log), few.most, violations)
		}
	})
}

// choosy refuses one commit.
type choosy struct {
	*memory
	refuse, commits, most int
}

func (c *choosy) CommitInventory(ctx context.Context, batch []events.InventoryAppend, cursor []byte, expected uint64) (uint64, error) {
	c.most = max(c.most, len(batch))
	if c.commits++; c.commits == c.refuse {
		return 0, events.Unavailable("not now")
	}
	return c.memory.CommitInventory(ctx, batch, cursor, expected)
}

// TestTold: the hooks and the log tell what happens, a trouble once when it begins
// and once when it is over.
func TestTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		kinds, resyncs, read := map[events.InventoryKind]int{}, 0, 0
		var current time.Time
		var troubles []error
		first := page(`{"id":"x","a":1}`, `{"id":"y"}`)
		first.Link, first.Next = "", "more"
		throttled := errors.New("429: throttled")
		source := pages{first, page(`{"id":"z"}`), throttled, throttled, throttled, page(`{"id":"x","a":2}`, "removed deleted"), errForgotten, page(`{"id":"y"}`)}
		feed := newMemory()
		stop := run(t, inventory.Options{
			Source: &source, Feed: feed, Devices: feed, Every: every,
			Log: slog.New(slog.NewTextHandler(&log, nil)),
			Hooks: inventory.Hooks{
				Published: func(k events.InventoryKind) { kinds[k]++ },
				Page:      func() { read++ },
				Resync:    func() { resyncs++ },
				Current:   func(at time.Time) { current = at },
				Trouble:   func(err error) { troubles = append(troubles, err) },
			},
		})
		pass(8 * every)
		stop()
		if kinds[events.InventoryCreated] != 3 || kinds[events.InventoryUpdated] != 0 || kinds[events.InventoryDeleted] != 2 {
			t.Errorf("published %v", kinds)
		}
		if age := time.Since(current); read != 4 || resyncs != 1 || age > 5*every || age < 2*every {
			t.Errorf("%d pages, %d resyncs, current %s ago", read, resyncs, age)
		}
		if len(troubles) != 3 || !errors.Is(troubles[0], throttled) || troubles[1] != nil || troubles[2] == nil {
			t.Errorf("troubles %v", troubles)
		}
		lines := log.String()
		if strings.Count(lines, "level=WARN") != 2 || strings.Count(lines, "the inventory feed goes on") != 1 ||
			strings.Count(lines, "429: throttled") != 1 || strings.Count(lines, "read anew") != 1 || strings.Count(lines, "no more pages") != 1 {
			t.Errorf("log:\n%s", lines)
		}
	})
}

// TestBadCursor: a cursor that is none is told, and not overwritten.
func TestBadCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		feed := newMemory()
		feed.cursor, feed.revision = []byte("{"), 7
		stop := run(t, inventory.Options{Source: newFleet(), Feed: feed, Devices: feed, Every: every, Log: slog.New(slog.NewTextHandler(&log, nil))})
		pass(5 * every)
		stop()
		if string(feed.cursor) != "{" || strings.Count(log.String(), "the cursor of the inventory feed at revision 7") != 1 {
			t.Errorf("the cursor is %s; log:\n%s", feed.cursor, log.String())
		}
	})
}

// TestTroubleIsOverWhereAnotherGoesOn: what one replica cannot do is no trouble of
// the feed while another does it.
func TestTroubleIsOverWhereAnotherGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newMemory()
		var troubles []error
		stop := run(t, inventory.Options{
			Source: &pages{}, Feed: feed, Devices: feed, Every: every,
			Hooks: inventory.Hooks{Trouble: func(err error) { troubles = append(troubles, err) }},
		})
		pass(every)
		stopOther := run(t, inventory.Options{Source: newFleet(), Feed: feed, Devices: feed, Every: every})
		pass(2 * every)
		stop()
		stopOther()
		if len(troubles) < 2 || troubles[0] == nil || troubles[1] != nil {
			t.Errorf("troubles %v", troubles)
		}
	})
}

// slow is a directory of which every fourth page takes three times as long as a
// replica waits between two looks, as where Graph throttles.
type slow struct {
	inventory.Source
	asked atomic.Int32
}

func (s *slow) Delta(ctx context.Context, link string) (inventory.Page, error) {
	if s.asked.Add(1)%4 == 0 {
		<-time.After(3 * every)
	}
	return s.Source.Delta(ctx, link)
}

// TestReplicasLetEachOtherFinish: a full read that takes its time comes to its end,
// though others could take over.
func TestReplicasLetEachOtherFinish(t *testing.T) {
	for _, replicas := range []int{1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			fleet, feed := newFleet(), newMemory()
			fleet.size = 1
			for i := range 40 {
				fleet.set(fmt.Sprintf("device-%02d", i), nil)
			}
			source := &slow{Source: fleet}
			var pages atomic.Int32 // asked for until the end
			var stops []func()
			for range replicas {
				stops = append(stops, run(t, inventory.Options{
					Source: source, Feed: feed, Devices: feed, Every: every,
					Hooks: inventory.Hooks{Current: func(time.Time) { pages.CompareAndSwap(0, source.asked.Load()) }},
				}))
			}
			pass(12 * time.Hour)
			for _, stop := range stops {
				stop()
			}
			if n := pages.Load(); n == 0 || n > 120 {
				t.Errorf("%d replicas came to the end of 40 pages after %d", replicas, n)
			}
		})
	}
}
