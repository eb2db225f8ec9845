package bus_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// patience is how long a bus waits for one answer where the test takes answers
// away: short to keep the test so, long for what is answered.
const patience = 2 * time.Second

// separated gives a bus that reaches an external NATS server through a proxy,
// and one that reaches it directly.
func separated(t *testing.T) (far, near *bus.Bus, p *proxy) {
	t.Helper()
	srv := external(t, t.TempDir())
	p = newProxy(t, srv.Addr().String())
	near = connect(t, bus.Options{URL: srv.ClientURL()})
	ensure(t, near, small())
	far = connect(t, bus.Options{URL: p.url(), Timeout: patience})
	t.Cleanup(func() { p.losing(nil) }) // or closing far would wait for answers
	return far, near, p
}

// appending runs one append beside the test.
func appending(ctx context.Context, b *bus.Bus, id string, n int, expected uint64) <-chan result {
	done := make(chan result, 1)
	go func() {
		seq, err := b.Append(ctx, events.KindOf(events.StateExecuting), record(id, n), expected)
		done <- result{seq, err}
	}()
	return done
}

type result struct {
	sequence uint64
	err      error
}

func TestAppendLostAcknowledgement(t *testing.T) {
	t.Parallel()
	far, _, p := separated(t)
	loseAcknowledgement(t, far, p)
}

// loseAcknowledgement takes the acknowledgement of a stored event away from its
// writer, who has to find out that it won.
func loseAcknowledgement(t *testing.T, b *bus.Bus, p *proxy) {
	t.Helper()
	id := events.RandomCommandID()
	first := appended(t, b, id, 1)
	acknowledged := p.losingAcknowledgements()
	done := appending(within(t), b, id, 2, first)
	receive(t, "acknowledgement to lose", acknowledged)
	p.losing(nil)
	won := receive(t, "end of the append", done)
	latest, err := b.Latest(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if won.err != nil || won.sequence != latest.Sequence || latest.Command.Sequence != 2 {
		t.Errorf("append = %d, %v; stored is %d", won.sequence, won.err, latest.Sequence)
	}
	// Nothing was stored twice: the next event follows on it.
	if _, err := b.Append(within(t), events.KindOf(events.StateCompleted), record(id, 3), won.sequence); err != nil {
		t.Errorf("the next event: %v", err)
	}
}

// TestAppendLostAcknowledgementSuperseded: an event after mine hides whether
// mine was stored, and its writer acts on it; so mine is not proven.
func TestAppendLostAcknowledgementSuperseded(t *testing.T) {
	t.Parallel()
	far, near, p := separated(t)
	id := numbered(1)
	acknowledged := p.losingAcknowledgements()
	done := appending(within(t), far, id, 1, 0)
	receive(t, "acknowledgement to lose", acknowledged)
	latest, err := near.Latest(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := near.Append(within(t), events.KindOf(events.StateCompleted), record(id, 2), latest.Sequence); err != nil {
		t.Fatal(err)
	}
	p.losing(nil)
	if lost := receive(t, "end of the append", done); !errors.Is(lost.err, events.ErrLost) {
		t.Errorf("append = %d, %v, want ErrLost", lost.sequence, lost.err)
	}
}

func TestAppendLostRequest(t *testing.T) {
	t.Parallel()
	far, near, p := separated(t)
	id := numbered(1)
	first := appended(t, far, id, 1) // the client's subscription for answers is in place
	var pieces atomic.Int32
	p.losing(func(toServer bool, _ []byte) bool { return toServer && pieces.Add(1) == 1 })
	won := receive(t, "end of the append", appending(within(t), far, id, 2, first))
	latest, err := near.Latest(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if won.err != nil || won.sequence != first+1 || latest.Sequence != first+1 {
		t.Errorf("append = %d, %v; stored is %d, want both %d", won.sequence, won.err, latest.Sequence, first+1)
	}
}

// TestAppendUnproven: without an answer there is no success, whatever happened.
func TestAppendUnproven(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		lose   loss
		stored bool
	}{
		{"nothing comes back", replies, true},
		{"nothing gets there", requests, false},
		{"nothing goes either way", all, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // it is all waiting
			far, near, p := separated(t)
			p.losing(tt.lose)
			got := receive(t, "end of the append", appending(within(t), far, numbered(1), 1, 0))
			wantCode(t, got.err, events.CodeUnavailable)
			_, err := near.Latest(within(t), numbered(1))
			if stored := err == nil; stored != tt.stored {
				t.Errorf("stored: %t (%v), want %t", stored, err, tt.stored)
			}
		})
	}
}

func TestAppendCancelled(t *testing.T) {
	t.Parallel()
	far, _, p := separated(t)
	ctx, cancel := context.WithCancel(within(t))
	acknowledged := p.losingAcknowledgements()
	done := appending(ctx, far, numbered(1), 1, 0)
	receive(t, "acknowledgement to lose", acknowledged)
	cancel()
	got := receive(t, "end of the append", done)
	wantCode(t, got.err, events.CodeUnavailable)
}

// TestAppendServerDown: nothing is kept in memory for later and called stored.
func TestAppendServerDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := external(t, dir)
	p := newProxy(t, srv.Addr().String())
	b := connect(t, bus.Options{URL: p.url(), Timeout: patience})
	ensure(t, b, small())
	p.to("")
	srv.Shutdown()
	srv.WaitForShutdown()

	got := receive(t, "end of the append", appending(within(t), b, numbered(1), 1, 0))
	wantCode(t, got.err, events.CodeUnavailable)
	_, err := b.Latest(within(t), numbered(1))
	wantCode(t, err, events.CodeUnavailable)

	p.to(external(t, dir).Addr().String())
	until(t, "an append after the server is back", func() bool {
		_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(2), 1), 0)
		return err == nil
	})
	_, err = b.Latest(within(t), numbered(1))
	wantCode(t, err, events.CodeNotFound)
}
