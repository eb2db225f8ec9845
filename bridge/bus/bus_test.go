package bus_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// small are streams that fit any test machine.
func small() bus.StreamOptions { return bus.StreamOptions{MaxBytes: 64 << 20} }

// start gives a bus on an embedded server with its streams.
func start(t *testing.T) (*bus.Bus, *bus.Server) {
	t.Helper()
	server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, small())
	return b, server
}

// embedded starts the bridge's own server on a free port.
func embedded(t *testing.T, o bus.ServerOptions) *bus.Server {
	t.Helper()
	o.Listen, o.LazySync = "127.0.0.1:0", true
	server, err := bus.StartServer(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// connect gives a bus that is closed at the end of the test.
func connect(t *testing.T, o bus.Options) *bus.Bus {
	t.Helper()
	o.Name = t.Name()
	b, err := bus.Connect(within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(context.WithoutCancel(t.Context())) })
	return b
}

func ensure(t *testing.T, b *bus.Bus, o bus.StreamOptions) {
	t.Helper()
	if err := b.Ensure(within(t), o); err != nil {
		t.Fatal(err)
	}
}

// insider gives a plain NATS client with the bridge's rights.
func insider(t *testing.T, server *bus.Server) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	return client(t, "", server.Insider()...)
}

// client gives a plain NATS client.
func client(t *testing.T, url string, opts ...nats.Option) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	// A refusal is asserted where it is expected, not printed.
	opts = append(opts, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

// within bounds a wait for what surely comes, however slow the machine.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// receive waits for a value.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-within(t).Done():
		t.Fatalf("no %s", what)
	}
	var none T
	return none
}

// until asks again and again until holds says yes.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx := within(t); !holds(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

// running runs f beside the test; the function given back ends its context and
// waits for it, as does the end of the test.
func running(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// record gives the nth record of a command.
func record(id string, n int) events.Command {
	now := time.Now().UTC()
	return events.Command{
		ID: id, DeviceID: "device", Type: events.TypeLaunchURI, State: events.StateAccepted, Sequence: n,
		CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
}

// appended stores events of a command, the first as accepted and the others as
// executing, and gives the sequence of the last.
func appended(t *testing.T, b *bus.Bus, id string, n int) uint64 {
	t.Helper()
	var last uint64
	for i := range n {
		kind := events.KindOf(events.StateExecuting)
		if i == 0 {
			kind = events.KindOf(events.StateAccepted)
		}
		seq, err := b.Append(within(t), kind, record(id, i+1), last)
		if err != nil {
			t.Fatalf("event %d of %s: %v", i+1, id, err)
		}
		last = seq
	}
	return last
}

// numbered gives the id of the nth command of a test.
func numbered(n int) string { return events.RequestCommandID(fmt.Sprint(n)) }

// messages gives how many messages a stream holds.
func messages(t *testing.T, js jetstream.JetStream, name string) uint64 {
	t.Helper()
	stream, err := js.Stream(within(t), name)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

// wantCode fails unless err is an *events.Error with the code.
func wantCode(t *testing.T, err error, code events.Code) {
	t.Helper()
	if !events.HasCode(err, code) {
		t.Errorf("error %v, want the code %s", err, code)
	}
}

// waitingFor gives the messages that a subscription has already.
func waitingFor(t *testing.T, sub *nats.Subscription) iter.Seq[*nats.Msg] {
	t.Helper()
	return func(yield func(*nats.Msg) bool) {
		for {
			pending, _, err := sub.Pending()
			if err != nil {
				t.Fatal(err)
			}
			if pending == 0 {
				return
			}
			msg, err := sub.NextMsgWithContext(within(t))
			if err != nil {
				t.Fatal(err)
			}
			if !yield(msg) {
				return
			}
		}
	}
}
