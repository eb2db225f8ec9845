package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/inventory"
	"devicebridge/events"
)

// served is pages that are counted while they are read.
type served struct {
	mu    sync.Mutex
	pages pages
}

func (s *served) Delta(ctx context.Context, link string) (inventory.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pages.Delta(ctx, link)
}

// serve puts other pages in their place.
func (s *served) serve(list pages) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages = list
}

// left returns how many were not read yet.
func (s *served) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pages)
}

// asked is a source that notes when it is asked, and answers by a function.
type asked struct {
	mu     sync.Mutex
	at     []time.Time
	links  []string
	answer func(n int, link string) (inventory.Page, error)
}

func (a *asked) Delta(_ context.Context, link string) (inventory.Page, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.links = append(a.at, time.Now()), append(a.links, link)
	return a.answer(len(a.at), link)
}

func (a *asked) times() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.at)
}

// told keeps the last words of each kind that a poller told.
type told struct {
	mu               sync.Mutex
	trouble, leftOut error
	left             int
}

func (o *told) hooks() inventory.Hooks {
	return inventory.Hooks{
		Trouble: func(err error) { o.mu.Lock(); defer o.mu.Unlock(); o.trouble = err },
		LeftOut: func(n int, err error) { o.mu.Lock(); defer o.mu.Unlock(); o.left, o.leftOut = n, err },
	}
}

func (o *told) says(words string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.trouble != nil && strings.Contains(o.trouble.Error(), words)
}

// TestPagesWithoutEnd: a directory whose pages do not end is noticed, said, and left
// alone for a while, by all replicas.
func TestPagesWithoutEnd(t *testing.T) {
	for name, next := range map[string]func(n int) string{
		"always another link": func(n int) string { return fmt.Sprint("page ", n) },
		"a link twice":        func(n int) string { return fmt.Sprint("page ", n%7) },
		"its own link":        func(int) string { return "page" },
	} {
		for _, devices := range [][]string{{`{"id":"a"}`, `{"id":"b"}`}, nil} {
			t.Run(fmt.Sprint(name, len(devices)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					source := &asked{answer: func(n int, _ string) (inventory.Page, error) {
						p := page(devices...)
						p.Link, p.Next = "", next(n)
						return p, nil
					}}
					feed := newMemory()
					var seen [3]told
					var stops []func()
					for i := range seen {
						stops = append(stops, run(t, inventory.Options{Source: source, Feed: feed, Devices: feed, Every: every, Hooks: seen[i].hooks()}))
					}
					pass(3 * every)
					if n := source.times(); n > 60 {
						t.Errorf("asked for %d pages at first", n)
					}
					for i := range seen {
						if !seen[i].says("the pages of the directory do not end") {
							t.Errorf("replica %d says %v", i, seen[i].trouble)
						}
					}
					pass(100 * every)
					if n := source.times(); n < 20 || n > 3*60*11 {
						t.Errorf("asked for %d pages in %s", n, 103*every)
					}
					for _, stop := range stops {
						stop()
					}
				})
			})
		}
	}
}

// TestManyEmptyPages: Graph may give many pages that tell nothing, and then the rest.
func TestManyEmptyPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &asked{answer: func(n int, _ string) (inventory.Page, error) {
			if n == 220 {
				return page(`{"id":"last"}`), nil
			}
			if n > 220 {
				return page(), nil
			}
			return inventory.Page{Next: fmt.Sprint("page ", n)}, nil
		}}
		feed := newMemory()
		var seen told
		stop := run(t, inventory.Options{Source: source, Feed: feed, Devices: feed, Every: every, Hooks: seen.hooks()})
		pass(50 * every)
		stop()
		if got, want := feed.told(), []string{`created last.1 {"id":"last"}`}; !slices.Equal(got, want) || seen.trouble != nil {
			t.Errorf("published %v, want %v; trouble %v", got, want, seen.trouble)
		}
	})
}

// TestLeftAlone: for as long as Graph asks to be left alone no replica asks, nor one
// that is started in the meantime, and then it goes on where it was.
func TestLeftAlone(t *testing.T) {
	for _, wait := range []time.Duration{every, 30 * every, 10 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var from, until time.Time
			early := 0
			source := &asked{answer: func(n int, _ string) (inventory.Page, error) {
				now := time.Now()
				if now.Before(until) {
					if now.After(from) { // those who asked at the same time did not know
						early++
					}
				} else if n == 1 {
					from, until = now, now.Add(wait)
				}
				if left := until.Sub(now); left > 0 {
					return inventory.Page{}, &inventory.WaitError{Wait: left, Err: errors.New("429")}
				}
				return page(`{"id":"x"}`), nil
			}}
			feed := newMemory()
			o := inventory.Options{Source: source, Feed: feed, Devices: feed, Every: every}
			var seen told
			stops := []func(){run(t, o), run(t, o)}
			pass(every / 2)
			at := source.times()
			o.Hooks = seen.hooks()
			stops = append(stops, run(t, o))
			pass(wait - every)
			if source.times() != at || wait > every && !seen.says("429") {
				t.Errorf("asked %d times more within %s; the new replica says %v", source.times()-at, wait, seen.trouble)
			}
			pass(4 * wait)
			for _, stop := range stops {
				stop()
			}
			if got, want := feed.told(), []string{`created x.1 {"id":"x"}`}; !slices.Equal(got, want) {
				t.Errorf("published %v, want %v", got, want)
			}
			if early > 0 {
				t.Errorf("asked %d times before %s had passed", early, wait)
			}
		})
	}
}

// TestAWrongClockDoesNotProlongAPause: what a pause says of the time of day can only
// shorten it.
func TestAWrongClockDoesNotProlongAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &asked{answer: func(n int, _ string) (inventory.Page, error) {
			if n == 1 {
				return inventory.Page{}, &inventory.WaitError{Wait: 5 * every, Err: errors.New("429")}
			}
			return page(`{"id":"x"}`), nil
		}}
		feed := newMemory()
		ahead := inventory.Options{
			Source: source, Feed: feed, Devices: feed, Every: every,
			Now: func() time.Time { return time.Now().Add(24 * time.Hour) },
		}
		stop := run(t, ahead)
		pass(every / 2)
		stop()
		ahead.Now = nil
		stop = run(t, ahead)
		pass(7 * every)
		stop()
		if source.times() < 2 || source.at[1].Sub(source.at[0]) < 5*every {
			t.Errorf("asked at %v", source.at)
		}
	})
}

// TestALossIsDoubted: a full read without most of what is known is made once more
// before anything is called missing, and said.
func TestALossIsDoubted(t *testing.T) {
	known := []string{`{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`, `{"id":"d"}`, `{"id":"e"}`}
	for name, c := range map[string]struct {
		second []string
		gone   int
	}{
		"and confirmed": {nil, 5},
		"and not":       {known, 0},
		"and in part":   {known[:4], 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := served{pages: pages{page(known...), errForgotten, page(), page(c.second...), page(), page()}}
				feed := newMemory()
				var seen told
				o := inventory.Options{Source: &source, Feed: feed, Devices: feed, Every: every, Hooks: seen.hooks()}
				stop := run(t, o)
				for source.left() > 3 {
					pass(every / 10)
				}
				feed.mu.Lock()
				n := len(feed.log)
				feed.mu.Unlock()
				if n != len(known) || !seen.says("did not have 5 of the 5 devices that are known") {
					t.Errorf("%d events, trouble %v", n, seen.trouble)
				}
				stop()
				stop = run(t, o) // another process may make the second read
				for source.left() > 0 {
					pass(every / 10)
				}
				stop()
				if got := len(feed.told()) - len(known); got != c.gone || seen.trouble != nil {
					t.Errorf("%d were called missing, want %d; trouble %v", got, c.gone, seen.trouble)
				}
			})
		})
	}
}

// TestOneIsLeftOut: what cannot be published of one device is told, and the others
// are published; once it can be, it is.
func TestOneIsLeftOut(t *testing.T) {
	long := `{"id":"big","x":"` + strings.Repeat("x", 2000) + `"}`
	for name, c := range map[string]struct {
		bad, says, mended string
	}{
		"too big for a message":  {long, "big has 2000 bytes", `{"id":"big"}`},
		"without an id":          {`{"displayName":"x"}`, "a device without an object id has no member id", ""},
		"an id that is a number": {`{"id":5}`, "an id that is no text: 5", ""},
		"null":                   {`null`, "is no JSON object", ""},
		"a text":                 {`"x"`, "is no JSON object", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := served{pages: pages{page(`{"id":"a"}`, c.bad, `{"id":"z"}`), page(`{"id":"a","n":1}`)}}
				feed := newMemory()
				narrow := &narrow{feed, 1000}
				var seen told
				o := inventory.Options{Source: &source, Feed: narrow, Devices: feed, Every: every, Hooks: seen.hooks()}
				stop := run(t, o)
				for source.left() > 0 {
					pass(every / 10)
				}
				stop()
				want := []string{`created a.1 {"id":"a"}`, `created z.1 {"id":"z"}`, `updated a.2 {"id":"a","n":1}`}
				if got := feed.told(); !slices.Equal(got, want) {
					t.Errorf("published %v, want %v", got, want)
				}
				if seen.left != 1 || !strings.Contains(fmt.Sprint(seen.leftOut), c.says) {
					t.Errorf("left out are %d: %v", seen.left, seen.leftOut)
				}
				seen.left = 0
				if c.mended == "" {
					source.serve(pages{errForgotten, page(`{"id":"a","n":1}`, `{"id":"z"}`)})
				} else {
					source.serve(pages{page(c.mended)})
				}
				stop = run(t, o) // it is known to a process that is started later
				synctest.Wait()
				if seen.left != 1 {
					t.Errorf("after a restart %d are left out", seen.left)
				}
				for source.left() > 0 {
					pass(every / 10)
				}
				stop()
				if seen.left != 0 || seen.leftOut != nil {
					t.Errorf("at last are left out %d: %v", seen.left, seen.leftOut)
				}
			})
		})
	}
}

// narrow is a feed that takes events up to a size.
type narrow struct {
	*memory
	most int
}

func (n *narrow) CommitInventory(ctx context.Context, batch []events.InventoryAppend, cursor []byte, expected uint64) (uint64, error) {
	for _, a := range batch {
		if len(a.Event.Device) > n.most {
			return 0, &events.InventoryRefusal{DeviceID: a.Event.DeviceID, Err: errors.New("has 2000 bytes")}
		}
	}
	return n.memory.CommitInventory(ctx, batch, cursor, expected)
}
