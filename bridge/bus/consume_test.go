package bus_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// consuming works on w until the test ends or the function given back is called.
func consuming(t *testing.T, b *bus.Bus, w bus.Work) (stop func()) {
	t.Helper()
	return running(t, func(ctx context.Context) error { return b.Consume(ctx, w) })
}

// consumerOf gives what the server knows of a consumer.
func consumerOf(t *testing.T, js jetstream.JetStream, w bus.Work) *jetstream.ConsumerInfo {
	t.Helper()
	consumer, err := js.Consumer(within(t), w.Stream, w.Durable)
	if err != nil {
		t.Fatal(err)
	}
	return consumer.CachedInfo()
}

func TestConsume(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	got := make(chan bus.Delivery, 100)
	work := b.DispatchWork(time.Minute, 4, func(_ context.Context, d bus.Delivery) bus.Disposition {
		got <- d
		return bus.Done()
	})
	appended(t, b, numbered(0), 3) // before there is a consumer
	consuming(t, b, work)
	for i := range 9 {
		appended(t, b, numbered(i+1), 3)
	}
	want := make(map[string]bool)
	for i := range 10 {
		want[numbered(i)] = true
	}
	for range 10 {
		d := receive(t, "delivery", got)
		e, err := d.Stored()
		if err != nil {
			t.Fatal(err)
		}
		if !want[e.Command.ID] || e.Kind != events.KindOf(events.StateAccepted) || d.Delivered != 1 ||
			d.Subject != b.Subjects().Event(e.Command.ID, "device", e.Kind) || e.Sequence != d.Sequence || e.Writer == "" {
			t.Errorf("delivery %+v of %+v", d, e)
		}
		delete(want, e.Command.ID)
	}
	until(t, "everything acknowledged", func() bool {
		info := consumerOf(t, js, work)
		return info.NumAckPending == 0 && info.NumPending == 0 && info.AckFloor.Consumer == 10
	})
	config := consumerOf(t, js, work).Config
	if config.MaxDeliver != -1 || config.AckWait != time.Minute || config.AckPolicy != jetstream.AckExplicitPolicy {
		t.Errorf("consumer %+v", config)
	}
	if len(got) > 0 {
		t.Errorf("%d deliveries too many", len(got))
	}
}

func TestConsumeAgain(t *testing.T) {
	t.Parallel()
	b, _ := start(t)
	const later = 300 * time.Millisecond
	type visit struct {
		delivered uint64
		at        time.Time
	}
	got := make(chan visit, 10)
	consuming(t, b, b.DispatchWork(time.Minute, 1, func(_ context.Context, d bus.Delivery) bus.Disposition {
		got <- visit{d.Delivered, time.Now()}
		switch d.Delivered {
		case 1:
			return bus.Again(later)
		case 2:
			return bus.Again(0)
		default:
			return bus.Done()
		}
	}))
	appended(t, b, numbered(1), 1)
	var last time.Time
	for i, wait := range []time.Duration{0, later, 0} {
		v := receive(t, "delivery", got)
		if v.delivered != uint64(i+1) {
			t.Errorf("delivery %d says it is number %d", i+1, v.delivered)
		}
		if since := v.at.Sub(last); i > 0 && since < wait {
			t.Errorf("delivery %d came after %s, asked for %s", i+1, since, wait)
		}
		last = v.at
	}
}

// TestConsumeAtLeastOnce: a handler that is stuck lets go of its delivery, which
// then comes again.
func TestConsumeAtLeastOnce(t *testing.T) {
	b, _ := start(t)
	got := make(chan uint64, 10)
	stuck := make(chan struct{})
	defer close(stuck)
	work := b.DispatchWork(100*time.Millisecond, 2, func(_ context.Context, d bus.Delivery) bus.Disposition {
		got <- d.Delivered
		if d.Delivered == 1 {
			<-stuck
		}
		return bus.Done()
	})
	work.Hold = 50 * time.Millisecond
	consuming(t, b, work)
	appended(t, b, numbered(1), 1)
	if first, second := receive(t, "delivery", got), receive(t, "delivery", got); first != 1 || second != 2 {
		t.Errorf("deliveries %d and %d, want 1 and 2", first, second)
	}
}

// TestConsumeLongStep: a handler that takes longer than the acknowledgement time
// keeps its delivery, without doing anything for it.
func TestConsumeLongStep(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	nc, _ := insider(t, server)
	acks, err := nc.SubscribeSync("$JS.ACK." + eventStream + ".dispatch.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	got := make(chan uint64, 10)
	finish := make(chan struct{})
	consuming(t, b, b.DispatchWork(2*time.Second, 1, func(_ context.Context, d bus.Delivery) bus.Disposition {
		got <- d.Delivered
		if err := d.InProgress(); err != nil {
			t.Error(err)
		}
		<-finish
		return bus.Done()
	}))
	appended(t, b, numbered(1), 1)
	receive(t, "delivery", got)
	next := func() string {
		ack, err := acks.NextMsgWithContext(within(t))
		if err != nil {
			t.Fatal(err)
		}
		return string(ack.Data)
	}
	// Its own sign of life and those of two acknowledgement times.
	for range 7 {
		if sign := next(); sign != "+WPI" {
			t.Fatalf("acknowledgement %q, want a sign of life", sign)
		}
	}
	close(finish)
	for sign := next(); sign != "+ACK"; sign = next() {
		if sign != "+WPI" {
			t.Fatalf("acknowledgement %q, want +WPI until the end", sign)
		}
	}
	if len(got) > 0 {
		t.Error("it was delivered again in spite of the signs of life")
	}
}

func TestConsumeBound(t *testing.T) {
	const workers = 3
	b, _ := start(t)
	var running, most atomic.Int32
	begun, finish := make(chan struct{}, 100), make(chan struct{})
	consuming(t, b, b.DispatchWork(time.Minute, workers, func(context.Context, bus.Delivery) bus.Disposition {
		now := running.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		begun <- struct{}{}
		<-finish
		running.Add(-1)
		return bus.Done()
	}))
	for i := range 10 {
		appended(t, b, numbered(i), 1)
	}
	for range workers {
		receive(t, "handler", begun)
	}
	for range 10 - workers {
		finish <- struct{}{}
		receive(t, "handler after one that ended", begun)
	}
	if most.Load() != workers {
		t.Errorf("%d handlers at once, want %d", most.Load(), workers)
	}
	close(finish)
}

// TestConsumeStop: a stop waits for the handlers under way, does not cancel them,
// and gives back what was fetched ahead: the next replica need not wait for the
// acknowledgement time to pass.
func TestConsumeStop(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	begun, finish := make(chan context.Context, 100), make(chan struct{})
	slow := b.DispatchWork(time.Hour, 2, func(ctx context.Context, _ bus.Delivery) bus.Disposition {
		begun <- ctx
		<-finish
		return bus.Done()
	})
	for i := range 10 {
		appended(t, b, numbered(i), 1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- b.Consume(ctx, slow) }()
	first, second := receive(t, "handler", begun), receive(t, "handler", begun)
	finish <- struct{}{}
	receive(t, "handler after one that ended", begun)
	until(t, "something fetched ahead", func() bool { return consumerOf(t, js, slow).NumAckPending > 2 })
	cancel()
	if first.Err() != nil || second.Err() != nil {
		t.Error("the stop cancels the handlers")
	}
	select {
	case err := <-stopped:
		t.Errorf("the stop does not wait for the handlers: %v", err)
	default:
	}
	close(finish)
	if err := receive(t, "end of the consumer", stopped); err != nil {
		t.Error(err)
	}

	next := make(chan bus.Delivery, 100)
	consuming(t, b, b.DispatchWork(time.Hour, 2, func(_ context.Context, d bus.Delivery) bus.Disposition {
		next <- d
		return bus.Done()
	}))
	seen := make(map[uint64]bool)
	for range 7 {
		seen[receive(t, "delivery to the next replica", next).Sequence] = true
	}
	if len(seen) != 7 {
		t.Errorf("the next replica got %v, want 7 different ones", seen)
	}
}

// TestConsumeShared: two replicas share the work.
func TestConsumeShared(t *testing.T) {
	b, server := start(t)
	other := connect(t, bus.Options{Server: server})
	got := make(chan uint64, 100)
	both, release := make(chan struct{}, 2), make(chan struct{})
	for _, replica := range []*bus.Bus{b, other} {
		var once atomic.Bool
		consuming(t, replica, replica.DispatchWork(time.Minute, 1, func(_ context.Context, d bus.Delivery) bus.Disposition {
			if once.CompareAndSwap(false, true) {
				both <- struct{}{}
				<-release // else one could do all the work before the other is there
			}
			got <- d.Delivered
			return bus.Done()
		}))
	}
	for i := range 20 {
		appended(t, b, numbered(i), 1)
	}
	receive(t, "work for one replica", both)
	receive(t, "work for the other", both)
	close(release)
	for range 20 {
		if n := receive(t, "delivery", got); n != 1 {
			t.Errorf("delivered %d times", n)
		}
	}
}
