package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"devicebridge/events"
)

func TestEachOpen(t *testing.T) {
	b, server := start(t)
	nc, _ := insider(t, server)
	var want []string
	open := func(first, last int) {
		for i := first; i < last; i++ {
			kind := []events.State{events.StateAccepted, events.StateRegistered, events.StateRejected}[i%3]
			ofDevice(t, b, numbered(i), "device", events.KindOf(kind))
			if i%3 != 2 {
				want = append(want, numbered(i))
			}
		}
	}
	open(0, 5)
	between := time.Now()
	old := len(want)
	open(5, 800) // more than one batch
	fill(t, nc, b.Subjects(), 500)

	tests := []struct {
		name  string
		since time.Time
		want  []string
	}{
		{"all", between.Add(-time.Hour), want},
		{"some", between, want[old:]},
		{"none", time.Now().Add(time.Hour), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			if err := b.EachOpen(within(t), tt.since, func(id string, _ time.Time, _ bool) error { got = append(got, id); return nil }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %d commands, want %d", len(got), len(tt.want))
			}
		})
	}
	t.Run("that ends although more are opened", func(t *testing.T) {
		got := 0
		err := b.EachOpen(within(t), between, func(string, time.Time, bool) error {
			got++
			ofDevice(t, b, numbered(1000+got), "device", events.KindOf(events.StateAccepted))
			return nil
		})
		if err != nil || got != len(want)-old {
			t.Errorf("%d commands, %v, want %d", got, err, len(want)-old)
		}
	})
	t.Run("until enough", func(t *testing.T) {
		enough := errors.New("enough")
		got := 0
		err := b.EachOpen(within(t), between, func(string, time.Time, bool) error { got++; return enough })
		if !errors.Is(err, enough) || got != 1 {
			t.Errorf("%d commands, %v", got, err)
		}
	})
}

// TestEachOpenTellsWhatEnded: of commands that have ended it tells nothing, unless
// they were erased, whose erasure may have to be gone on with.
func TestEachOpenTellsWhatEnded(t *testing.T) {
	b, _ := start(t)
	var want []string
	for i, tt := range []struct {
		kinds    []events.Kind
		response events.Response
		open     bool
	}{
		{kinds: []events.Kind{"sending", "executing"}, open: true},
		{kinds: []events.Kind{"completed"}},
		{kinds: []events.Kind{"completed"}, response: events.ResponsePending, open: true},
		{kinds: []events.Kind{"timedOut"}},
		{kinds: []events.Kind{"completed", "erased"}, open: true},
		{kinds: []events.Kind{"canceled", "conflict"}},
	} {
		id := numbered(i)
		ofDevice(t, b, id, "device", events.KindOf(events.StateAccepted))
		latest, err := b.Latest(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		last := latest.Sequence
		for n, kind := range tt.kinds {
			c := record(id, n+2)
			c.State, c.Response = events.State(kind), tt.response
			if kind == events.KindConflict {
				c.State = events.StateCanceled
			}
			c.Terminal = c.State.Terminal()
			if last, err = b.Append(t.Context(), kind, c, last); err != nil {
				t.Fatal(err)
			}
		}
		if tt.open {
			want = append(want, id)
		}
	}
	// The payload arrives late for one that timed out first.
	late := record(numbered(3), 3)
	late.State, late.Terminal, late.Response = events.StateCompleted, true, events.ResponsePending
	latest, err := b.Latest(t.Context(), numbered(3))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Append(t.Context(), events.KindOf(events.StateCompleted), late, latest.Sequence); err != nil {
		t.Fatal(err)
	}
	want = append(want, numbered(3))
	var got []string
	if err := b.EachOpen(within(t), time.Now().Add(-time.Hour), func(id string, _ time.Time, _ bool) error { got = append(got, id); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestEachOpenCutOff: a sweep that NATS leaves in the middle ends, with an error,
// and tells of nothing: what it has not read may have ended what it has.
func TestEachOpenCutOff(t *testing.T) {
	t.Parallel()
	for lost, after := range map[string]int{"CONSUMER.CREATE": 0, "CONSUMER.MSG.NEXT": 0, "CONSUMER.MSG.NEXT.": 1} {
		t.Run(fmt.Sprint(lost, " after ", after), func(t *testing.T) {
			t.Parallel()
			far, near, p := separated(t)
			for i := range 600 {
				ofDevice(t, near, numbered(i), "device", events.KindOf(events.StateAccepted))
			}
			ctx, cancel := context.WithTimeout(within(t), 2*patience)
			defer cancel()
			var asked atomic.Int64
			p.losing(func(toServer bool, piece []byte) bool {
				return toServer && strings.Contains(string(piece), lost) && asked.Add(1) > int64(after)
			})
			got := 0
			if err := far.EachOpen(ctx, time.Now().Add(-time.Hour), func(string, time.Time, bool) error { got++; return nil }); err == nil || got > 0 {
				t.Errorf("%d of 600 commands, %v", got, err)
			}
		})
	}
}
