package bus_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// pages reads every page of a listing and gives the commands in their order.
func pages(t *testing.T, b *bus.Bus, device string, limit int) (ids []string, count int) {
	t.Helper()
	for before := uint64(0); ; count++ {
		page, next, err := b.Newest(within(t), device, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > limit {
			t.Fatalf("a page of %d, limit %d", len(page), limit)
		}
		for _, c := range page {
			if before != 0 && c.Sequence >= before {
				t.Fatalf("sequence %d on the page before %d", c.Sequence, before)
			}
			ids = append(ids, c.Command)
		}
		if next == 0 {
			return ids, count + 1
		}
		if before != 0 && next >= before {
			t.Fatalf("the page before %d is followed by the one before %d", before, next)
		}
		before = next
	}
}

// ofDevice appends the first event of a command of a device.
func ofDevice(t *testing.T, b *bus.Bus, id, device string, kind events.Kind) {
	t.Helper()
	c := record(id, 1)
	c.DeviceID, c.State, c.Terminal = device, events.State(kind), events.State(kind).Terminal()
	if _, err := b.Append(within(t), kind, c, 0); err != nil {
		t.Fatal(err)
	}
}

func TestNewest(t *testing.T) {
	b, _ := start(t)
	if page, next, err := b.Newest(t.Context(), "", 0, 10); len(page) != 0 || next != 0 || err != nil {
		t.Errorf("an empty stream: %v, %d, %v", page, next, err)
	}
	var all, ofTV []string
	kinds := []events.State{events.StateAccepted, events.StateRegistered, events.StateRejected}
	for i := range 30 {
		device := "device"
		if i%7 == 0 {
			device = "tv.*.>"
			ofTV = append(ofTV, numbered(i))
		}
		ofDevice(t, b, numbered(i), device, events.KindOf(kinds[i%3]))
		all = append(all, numbered(i))
	}
	// What is not the first event of its command names none, whatever its kind.
	last, err := b.Latest(t.Context(), numbered(3))
	if err != nil {
		t.Fatal(err)
	}
	for n, kind := range []events.State{events.StateSending, events.StateRejected, events.StateAccepted} {
		if last.Sequence, err = b.Append(t.Context(), events.KindOf(kind), record(numbered(3), n+2), last.Sequence); err != nil {
			t.Fatal(err)
		}
	}
	slices.Reverse(all)
	slices.Reverse(ofTV)

	for _, limit := range []int{1, 7, 29, 30, 31, 200} {
		t.Run(fmt.Sprintf("pages of %d", limit), func(t *testing.T) {
			if got, _ := pages(t, b, "", limit); !slices.Equal(got, all) {
				t.Errorf("got  %v\nwant %v", got, all)
			}
			if got, _ := pages(t, b, "tv.*.>", limit); !slices.Equal(got, ofTV) {
				t.Errorf("of one device: got  %v\nwant %v", got, ofTV)
			}
			if got, _ := pages(t, b, "tv", limit); len(got) != 0 {
				t.Errorf("of an unknown device: %v", got)
			}
		})
	}
	t.Run("a cursor beyond the end", func(t *testing.T) {
		page, _, err := b.Newest(t.Context(), "", 1<<40, 3)
		if err != nil || len(page) != 3 || page[0].Command != all[0] {
			t.Errorf("%v, %v, want the newest three", page, err)
		}
	})
	t.Run("a cursor before the beginning", func(t *testing.T) {
		if page, next, err := b.Newest(t.Context(), "", 1, 3); len(page) != 0 || next != 0 || err != nil {
			t.Errorf("%v, %d, %v, want none", page, next, err)
		}
	})
}

// TestNewestWindows: the newest commands may be anywhere in the stream, and older
// events may have left it.
func TestNewestWindows(t *testing.T) {
	b, server := start(t)
	nc, js := insider(t, server)
	var want []string
	for i := range 40 {
		ofDevice(t, b, numbered(i), "device", events.KindOf(events.StateAccepted))
		want = append(want, numbered(i))
		fill(t, nc, b.Subjects(), 200)
	}
	slices.Reverse(want)
	if got, _ := pages(t, b, "", 7); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	stream, err := js.Stream(t.Context(), eventStream)
	if err != nil {
		t.Fatal(err)
	}
	// Keeps from command 10 on.
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(10*201+1)); err != nil {
		t.Fatal(err)
	}
	if got, _ := pages(t, b, "device", 200); !slices.Equal(got, want[:30]) {
		t.Errorf("after the oldest left: got  %v\nwant %v", got, want[:30])
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if page, next, err := b.Newest(t.Context(), "", 0, 10); len(page) != 0 || next != 0 || err != nil {
		t.Errorf("a purged stream: %v, %d, %v", page, next, err)
	}
}

// TestNewestLeavesTheRest: one call reads a bounded part of the stream, and an
// empty page still says where to go on.
func TestNewestLeavesTheRest(t *testing.T) {
	b, server := start(t)
	nc, _ := insider(t, server)
	ofDevice(t, b, numbered(0), "device", events.KindOf(events.StateAccepted))
	fill(t, nc, b.Subjects(), 200_000)
	page, next, err := b.Newest(t.Context(), "", 0, 10)
	if len(page) != 0 || next <= 1 || err != nil {
		t.Errorf("first page: %v, %d, %v, want it empty with a next", page, next, err)
	}
	got, count := pages(t, b, "", 10)
	if !slices.Equal(got, []string{numbered(0)}) || count < 2 {
		t.Errorf("%d pages with %v", count, got)
	}
}

// fill appends n later events of no command in particular, without waiting for
// each.
func fill(t *testing.T, nc *nats.Conn, s events.Subjects, n int) {
	t.Helper()
	subject := s.Append(numbered(-1), "device", events.KindOf(events.StateExecuting))
	for i := range n {
		if i%1000 != 0 && i != n-1 {
			if err := nc.Publish(subject, nil); err != nil {
				t.Fatal(err)
			}
			continue
		}
		// The stream takes them in order: one answer is for all before. And it
		// drops what it has no room for in its queue.
		answer, err := nc.RequestWithContext(within(t), subject, nil)
		if err != nil || strings.Contains(string(answer.Data), "error") {
			t.Fatalf("%+v, %v", answer, err)
		}
	}
}

// TestNewestUnanswered: a listing that is cut off says so; it neither hangs nor
// passes for a complete one.
func TestNewestUnanswered(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"STREAM.INFO", "CONSUMER.CREATE", "CONSUMER.MSG.NEXT"} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			far, near, p := separated(t)
			appended(t, near, numbered(0), 1)
			if page, _, err := far.Newest(t.Context(), "", 0, 10); err != nil || len(page) != 1 {
				t.Fatalf("before: %v, %v", page, err)
			}
			p.losing(func(toServer bool, piece []byte) bool {
				return toServer && strings.Contains(string(piece), lost)
			})
			page, next, err := far.Newest(within(t), "", 0, 10)
			if err == nil {
				t.Errorf("page %v, next %d, without an error", page, next)
			}
			wantCode(t, events.AsError(err), events.CodeUnavailable)
		})
	}
}
