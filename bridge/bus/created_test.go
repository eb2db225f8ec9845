package bus_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"devicebridge/events"
)

func TestEachOpened(t *testing.T) {
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
			if err := b.EachOpened(within(t), tt.since, func(id string) error { got = append(got, id); return nil }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %d commands, want %d", len(got), len(tt.want))
			}
		})
	}
	t.Run("that ends although more are opened", func(t *testing.T) {
		got := 0
		err := b.EachOpened(within(t), between, func(string) error {
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
		err := b.EachOpened(within(t), between, func(string) error { got++; return enough })
		if !errors.Is(err, enough) || got != 1 {
			t.Errorf("%d commands, %v", got, err)
		}
	})
}

// TestEachOpenedCutOff: a sweep that NATS leaves in the middle ends, with an error.
func TestEachOpenedCutOff(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"CONSUMER.CREATE", "CONSUMER.MSG.NEXT"} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			far, near, p := separated(t)
			for i := range 600 {
				ofDevice(t, near, numbered(i), "device", events.KindOf(events.StateAccepted))
			}
			ctx, cancel := context.WithTimeout(within(t), 2*patience)
			defer cancel()
			got := 0
			err := far.EachOpened(ctx, time.Now().Add(-time.Hour), func(string) error {
				got++
				p.losing(func(toServer bool, piece []byte) bool { return toServer && strings.Contains(string(piece), lost) })
				return nil
			})
			if err == nil || got == 600 {
				t.Errorf("%d of 600 commands, %v", got, err)
			}
		})
	}
}
