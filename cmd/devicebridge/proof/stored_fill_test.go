package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

const (
	// storedMaxBytes leaves the store below the 80 % from which new commands are
	// refused.
	storedMaxBytes = 4 << 30
	// storedWriters is how many commands are written side by side.
	storedWriters = 32
	storedDevices = 500
)

// fill stores n events of commands that have ended, six each, in the data directory
// of a bridge that does not run.
func (s *stored) fill(b *testing.B, n int) {
	b.Helper()
	s.name = "full"
	data := s.bridges[0].vars["BRIDGE_DATA_DIR"]
	if *storedKeep != "" {
		if err := os.CopyFS(data, os.DirFS(*storedKeep)); err == nil {
			return
		}
	}
	s.write(b, func(ctx context.Context, into *bus.Bus, i int) error {
		_, err := s.life(ctx, into, i, endedLife())
		return err
	}, n/len(endedLife()))
	if *storedKeep != "" {
		if err := os.CopyFS(*storedKeep, os.DirFS(data)); err != nil {
			b.Fatal(err)
		}
	}
}

// fillOpen stores n commands that Graph has taken, each with its timer.
func (s *stored) fillOpen(b *testing.B, n int) {
	b.Helper()
	s.write(b, func(ctx context.Context, into *bus.Bus, i int) error {
		c, err := s.life(ctx, into, i, endedLife()[:3])
		if err != nil {
			return err
		}
		return into.Arm(ctx, c.ID, c.ExpiresAt)
	}, n)
}

// write runs the embedded server here for as long as n commands take.
func (s *stored) write(b *testing.B, one func(context.Context, *bus.Bus, int) error, n int) {
	b.Helper()
	server, err := bus.StartServer(bus.ServerOptions{
		Listen: "127.0.0.1:0", Dir: filepath.Join(s.bridges[0].vars["BRIDGE_DATA_DIR"], "nats"), LazySync: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Stop()
	into, err := bus.Connect(b.Context(), bus.Options{Server: server})
	if err != nil {
		b.Fatal(err)
	}
	if err := into.Ensure(b.Context(), bus.StreamOptions{MaxBytes: storedMaxBytes, MaxStore: server.MaxStore()}); err != nil {
		b.Fatal(err)
	}
	// What is accepted has been dispatched when the bridge comes.
	dispatched := make(chan struct{}, n)
	dispatching, stop := context.WithCancel(b.Context())
	dispatch := into.DispatchWork(bus.DefaultAckWait, storedWriters, func(context.Context, bus.Delivery) bus.Disposition {
		dispatched <- struct{}{}
		return bus.Done()
	})
	over := make(chan error, 1)
	go func() { over <- into.Consume(dispatching, dispatch) }()
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(storedWriters)
	for i := range n {
		group.Go(func() error { return one(ctx, into, i) })
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	for range n {
		<-dispatched
	}
	stop()
	if err := <-over; err != nil {
		b.Fatal(err)
	}
	if err := into.Close(within(b)); err != nil {
		b.Fatal(err)
	}
}

func endedLife() []events.State {
	return []events.State{
		events.StateAccepted, events.StateSending, events.StateRequesting, events.StateSentToTarget, events.StateExecuting, events.StateCompleted,
	}
}

// life stores the events of one command and gives its last record.
func (s *stored) life(ctx context.Context, into *bus.Bus, i int, states []events.State) (events.Command, error) {
	now := time.Now().UTC()
	c := events.Command{
		ID: events.RandomCommandID(), RequestID: fmt.Sprintf("order-%d", i), CorrelationID: fmt.Sprintf("batch-%d", i/100),
		RequestSHA256: strings.Repeat("0123456789abcdef", 4),
		DeviceID:      storedDevice(i), Type: events.TypeLaunchURI, Payload: json.RawMessage(`{"uri":"https://example.com/orders/4711"}`),
		Round: 1, Response: events.ResponseNone, CreatedAt: now, ExpiresAt: now.Add(48 * time.Hour), Source: events.SourceCaller,
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	var last uint64
	for n, state := range states {
		c.State, c.Sequence, c.UpdatedAt, c.Terminal = state, n+1, time.Now().UTC(), state == events.StateCompleted
		switch {
		case n == 1:
			c.Attempt, c.Source = 1, events.SourceDispatch
		case n > 1:
			c.Payload, c.GraphID, c.GraphStatus, c.Seen = nil, fmt.Sprintf("graph-%d", i), string(state), append(c.Seen[:len(c.Seen):len(c.Seen)], string(state))
			c.Source = events.SourcePostback
		}
		var err error
		if last, err = into.Append(ctx, events.KindOf(state), c, last); err != nil {
			return c, err
		}
	}
	return c, nil
}

func storedDevice(i int) string { return fmt.Sprintf("F4A5E1C3-device-%04d", i%storedDevices) }

// blocks gives the files that hold the events.
func (s *stored) blocks(b *testing.B) []string {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(s.bridges[0].vars["BRIDGE_DATA_DIR"], "nats", "jetstream", "*", "streams", s.subjects.EventStream(), "msgs", "*.blk"))
	if err != nil || len(files) == 0 {
		b.Fatalf("no files of the event stream: %v", err)
	}
	return files
}
