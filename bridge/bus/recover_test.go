package bus_test

import (
	"context"
	"testing"
	"time"

	"devicebridge/bridge/bus"
)

// collecting gives work that sends the command of each delivery to a channel.
func collecting(t *testing.T, b *bus.Bus) (bus.Work, <-chan string) {
	t.Helper()
	got := make(chan string, 100)
	return b.DispatchWork(time.Minute, 2, func(_ context.Context, d bus.Delivery) bus.Disposition {
		e, err := d.Stored()
		if err != nil {
			t.Error(err)
		}
		got <- e.Command.ID
		return bus.Done()
	}), got
}

// TestConsumeRecovers: the consumer, or its stream, may go and come back.
func TestConsumeRecovers(t *testing.T) {
	t.Parallel()
	t.Run("from a deleted consumer", func(t *testing.T) {
		t.Parallel()
		b, server := start(t)
		_, js := insider(t, server)
		work, got := collecting(t, b)
		consuming(t, b, work)
		appended(t, b, numbered(1), 1)
		receive(t, "delivery", got)
		if err := js.DeleteConsumer(within(t), work.Stream, work.Durable); err != nil {
			t.Fatal(err)
		}
		appended(t, b, numbered(2), 1)
		// It is made anew, and so begins anew.
		wantBoth(t, got)
	})

	t.Run("from a deleted stream", func(t *testing.T) {
		t.Parallel()
		b, server := start(t)
		_, js := insider(t, server)
		work, got := collecting(t, b)
		consuming(t, b, work)
		appended(t, b, numbered(1), 1)
		receive(t, "delivery", got)
		if err := js.DeleteStream(within(t), work.Stream); err != nil {
			t.Fatal(err)
		}
		ensure(t, b, small())
		appended(t, b, numbered(2), 1)
		if id := receive(t, "delivery", got); id != numbered(2) {
			t.Errorf("delivered %s", id)
		}
	})

	t.Run("from a consumer deleted behind its back", func(t *testing.T) {
		t.Parallel()
		far, near, p := separated(t)
		_, js := client(t, near.URL())
		work, got := collecting(t, far)
		consuming(t, far, work)
		appended(t, near, numbered(1), 1)
		receive(t, "delivery", got)
		target := p.to("")
		if err := js.DeleteConsumer(within(t), work.Stream, work.Durable); err != nil {
			t.Fatal(err)
		}
		p.to(target)
		appended(t, near, numbered(2), 1)
		wantBoth(t, got)
	})

	t.Run("from a server that comes back empty", func(t *testing.T) {
		t.Parallel()
		srv := external(t, t.TempDir())
		p := newProxy(t, srv.Addr().String())
		b := connect(t, bus.Options{URL: p.url()})
		ensure(t, b, small())
		work, got := collecting(t, b)
		consuming(t, b, work)
		appended(t, b, numbered(1), 1)
		receive(t, "delivery", got)
		p.to("")
		srv.Shutdown()
		srv.WaitForShutdown()
		empty := external(t, t.TempDir())
		p.to(empty.Addr().String())
		near := connect(t, bus.Options{URL: empty.ClientURL()})
		ensure(t, near, small())
		appended(t, near, numbered(2), 1)
		if id := receive(t, "delivery", got); id != numbered(2) {
			t.Errorf("delivered %s", id)
		}
	})

	t.Run("from a restart of the server", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		srv := external(t, dir)
		p := newProxy(t, srv.Addr().String())
		b := connect(t, bus.Options{URL: p.url()})
		ensure(t, b, small())
		work, got := collecting(t, b)
		consuming(t, b, work)
		appended(t, b, numbered(1), 1)
		receive(t, "delivery", got)
		p.to("")
		srv.Shutdown()
		srv.WaitForShutdown()
		back := external(t, dir)
		p.to(back.Addr().String())
		appended(t, connect(t, bus.Options{URL: back.ClientURL()}), numbered(2), 1)
		for receive(t, "delivery", got) != numbered(2) { // the first may come again
		}
	})
}

// wantBoth fails unless commands 1 and 2 are delivered, in whatever order their
// handlers run.
func wantBoth(t *testing.T, got <-chan string) {
	t.Helper()
	seen := map[string]bool{receive(t, "delivery", got): true, receive(t, "delivery", got): true}
	if !seen[numbered(1)] || !seen[numbered(2)] {
		t.Errorf("delivered %v", seen)
	}
}
