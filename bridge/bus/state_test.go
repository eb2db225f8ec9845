package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

func TestState(t *testing.T) {
	b, server := start(t)
	ensure(t, b, small())
	ctx := within(t)
	if value, revision, err := b.State(ctx, "one"); value != nil || revision != 0 || err != nil {
		t.Fatalf("a record that was never written is %q, %d, %v", value, revision, err)
	}
	first, err := b.PutState(ctx, "one", []byte("a"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutState(ctx, "one", []byte("b"), 0); !errors.Is(err, events.ErrLost) {
		t.Errorf("a second first write gives %v", err)
	}
	second, err := b.PutState(ctx, "one", []byte("c"), first)
	if err != nil || second <= first {
		t.Fatalf("the next write gives %d, %v", second, err)
	}
	if _, err := b.PutState(ctx, "one", []byte("d"), first); !errors.Is(err, events.ErrLost) {
		t.Errorf("a write over an old revision gives %v", err)
	}
	if value, revision, err := b.State(ctx, "one"); string(value) != "c" || revision != second || err != nil {
		t.Errorf("the record is %q, %d, %v", value, revision, err)
	}
	if value, _, err := b.State(ctx, "two"); value != nil || err != nil {
		t.Errorf("another record is %q, %v", value, err)
	}
	// Any client library sees a key-value bucket.
	_, js := insider(t, server)
	kv, err := js.KeyValue(ctx, b.Subjects().StateBucket())
	if err != nil {
		t.Fatal(err)
	}
	if entry, err := kv.Get(ctx, "one"); err != nil || string(entry.Value()) != "c" || entry.Revision() != second {
		t.Errorf("the client library reads %v, %v", entry, err)
	}
}

// TestStateRace lets many write over one revision, on one server and on three.
func TestStateRace(t *testing.T) {
	for name, connected := range map[string]func(*testing.T) (*bus.Bus, int){
		"one server": func(t *testing.T) (*bus.Bus, int) {
			b, _ := start(t)
			return b, 1
		},
		"three servers": func(t *testing.T) (*bus.Bus, int) {
			return connect(t, bus.Options{URL: cluster(t)[0].ClientURL(), Wait: true}), 3
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, replicas := connected(t)
			o := small()
			o.Replicas = replicas
			ensure(t, b, o)
			ctx := within(t)
			var revision uint64
			for round := range 10 {
				var won atomic.Uint64
				var winners atomic.Int32
				group, ctx := errgroup.WithContext(ctx)
				for writer := range 8 {
					group.Go(func() error {
						got, err := b.PutState(ctx, "raced", fmt.Appendf(nil, "%d of %d", writer, round), revision)
						if errors.Is(err, events.ErrLost) {
							return nil
						}
						if err == nil {
							winners.Add(1)
							won.Store(got)
						}
						return err
					})
				}
				if err := group.Wait(); err != nil {
					t.Fatal(err)
				}
				if winners.Load() != 1 {
					t.Fatalf("round %d has %d winners", round, winners.Load())
				}
				revision = won.Load()
			}
		})
	}
}

func TestFollowState(t *testing.T) {
	b, _ := start(t)
	ensure(t, b, small())
	seen := make(chan string, 16)
	stop := running(t, func(ctx context.Context) error {
		return b.FollowState(ctx, "one", time.Hour, func(ctx context.Context) {
			value, _, err := b.State(ctx, "one")
			if err != nil {
				t.Error(err)
			}
			seen <- string(value)
		})
	})
	defer stop()
	if got := receive(t, "the first look", seen); got != "" {
		t.Errorf("at first it is %q", got)
	}
	if _, err := b.PutState(within(t), "one", []byte("a"), 0); err != nil {
		t.Fatal(err)
	}
	for receive(t, "the new record", seen) != "a" {
	}
}
