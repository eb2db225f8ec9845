package proof

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// TestGroupCommitKilled kills a bridge that syncs every append, in groups, while many
// ask at once: what was acknowledged in a group is there, and nothing is sent twice.
func TestGroupCommitKilled(t *testing.T) {
	t.Parallel()
	const callers, commands = 96, 600
	ctx := within(t)
	r := newRig(t, setup{
		Vars:     map[string]string{"BRIDGE_NATS_SYNC": "always"},
		Emulator: emulator.Options{Devices: crashDevices(), StepDelay: -1, MaxCommands: commands + 1},
	})
	r.start(nil)
	asking, stop := errgroup.WithContext(ctx)
	for caller := range callers {
		asking.Go(func() error {
			for n := caller; n < commands; n += callers {
				if _, err := r.send(stop, request(fmt.Sprintf("group-%d", n), promptDevice, events.TypeLaunchURI, time.Minute)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, posts := range []int{50, 150, 300} {
		if err := r.posted(ctx, posts); err != nil {
			t.Fatal(err)
		}
		r.bridges[0].kill()
		r.start(nil)
	}
	if err := asking.Wait(); err != nil {
		t.Fatal(err)
	}
	record, err := r.settle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	books, _ := r.ledger.read()
	report(t, books, record, check(books, record))
	batched, err := r.batched(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if batched == 0 {
		t.Error("no event was stored in a batch: nothing of this was tried")
	}
	t.Logf("%s; %d events were stored in batches", summary(books, record), batched)
}

// batched counts the events that were stored in batches.
func (r *rig) batched(ctx context.Context) (n int, err error) {
	stream, err := r.js.Stream(ctx, r.subjects.EventStream())
	if err != nil {
		return 0, err
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{HeadersOnly: true})
	if err != nil {
		return 0, err
	}
	for left := int(stream.CachedInfo().State.Msgs); left > 0; {
		messages, err := consumer.Fetch(left)
		if err != nil {
			return 0, err
		}
		for msg := range messages.Messages() {
			if msg.Headers().Get("Nats-Batch-Id") != "" {
				n++
			}
			left--
		}
		if err := messages.Error(); err != nil {
			return 0, err
		}
	}
	return n, nil
}
