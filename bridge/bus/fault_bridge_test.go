package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// counting is a Graph that takes every command and counts the POSTs of each.
type counting struct {
	// ready, if not nil, runs before each claim.
	ready func()

	mu    sync.Mutex
	posts map[string]int
}

// Ready says that a token is in hand.
func (g *counting) Ready(context.Context) error {
	if g.ready != nil {
		g.ready()
	}
	return nil
}

// Send counts a POST by the command in its callback URL.
func (g *counting) Send(_ context.Context, r graph.CommandRequest) (events.Observation, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.posts == nil {
		g.posts = make(map[string]int)
	}
	g.posts[r.PostBackURI]++
	return events.Observation{GraphID: "g-" + r.PostBackURI, Status: "requesting", Digest: "201"}, nil
}

// Command knows no news.
func (g *counting) Command(_ context.Context, _, id string) (events.Observation, error) {
	return events.Observation{GraphID: id, Status: "requesting", Digest: "200"}, nil
}

// ResponsePayload has none.
func (g *counting) ResponsePayload(context.Context, string, string) (json.RawMessage, error) {
	return nil, errors.New("no payload")
}

// Devices has none.
func (g *counting) Devices(context.Context) ([]events.Device, error) { return nil, nil }

// CallbackURL gives the command alone.
func (g *counting) CallbackURL(command string, _ time.Time) string { return command }

func (g *counting) Tokens(string, time.Time) []string { return nil }

func (g *counting) sent(id string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.posts[id]
}

// faultLease is short, so that a test can wait for it.
const faultLease = 2 * time.Second

// bridging gives the policy on a bus.
func bridging(t *testing.T, b *bus.Bus, g *counting) *bridge.Bridge {
	t.Helper()
	br, err := bridge.New(bridge.Options{
		Subjects: b.Subjects(), Stream: b, Shelf: b, Watcher: b, Timers: b, Payloads: b, Eraser: b,
		Sender: g, Observer: g, Directory: g, Callbacks: g,
		Lease: faultLease, MaxMessage: b.MaxPayload(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return br
}

// working lets a bridge do all its work on a bus. What is given back tells of
// each delivery of an accepted command that was handled.
func working(t *testing.T, b *bus.Bus, br *bridge.Bridge) (dispatched <-chan struct{}) {
	t.Helper()
	handled := make(chan struct{}, 1<<10)
	consuming(t, b, b.IntakeWork(2, func(ctx context.Context, d bus.Delivery) bus.Disposition {
		return disposed(br.Take(ctx, bridge.QueuedRequest{Header: d.Header, Data: d.Data, StreamCreated: d.StreamCreated, Sequence: d.Sequence}))
	}))
	consuming(t, b, b.DispatchWork(faultLease, 2, func(ctx context.Context, d bus.Delivery) bus.Disposition {
		defer func() { handled <- struct{}{} }()
		e, err := d.Stored()
		if err != nil {
			return bus.Done()
		}
		return disposed(br.Dispatch(ctx, e, bridge.Delivery{Count: d.Delivered, Alive: d.InProgress}))
	}))
	consuming(t, b, b.TimerWork(faultLease, 2, looking(br, b)))
	return handled
}

// looking handles due timers.
func looking(br *bridge.Bridge, b *bus.Bus) bus.Handler {
	return func(ctx context.Context, d bus.Delivery) bus.Disposition {
		id, ok := b.Subjects().ParseTimer(d.Subject)
		if !ok {
			return bus.Done()
		}
		return disposed(br.Look(ctx, id, bridge.Delivery{Count: d.Delivered, Alive: d.InProgress}))
	}
}

func disposed(again time.Duration) bus.Disposition {
	if again > 0 {
		return bus.Again(again)
	}
	return bus.Done()
}

// asking is a request for a command under a request id.
func asking(requestID string) events.Request {
	return events.Request{RequestID: requestID, DeviceID: "d1", Type: "launchUri", Payload: json.RawMessage(`{"uri":"https://example.com/"}`)}
}

// askedFor is the body of such a request, without an id.
const askedFor = `{"deviceId":"d1","type":"launchUri","payload":{"uri":"https://example.com/"}}`

// untilState waits for a command to be in a state.
func untilState(t *testing.T, b *bus.Bus, id string, s events.State) {
	t.Helper()
	var latest events.Stored
	defer func() {
		if t.Failed() {
			t.Logf("command %s is %s", id, latest.Command.State)
		}
	}()
	until(t, "command "+id+" is "+string(s), func() bool {
		var err error
		latest, err = b.Latest(within(t), id)
		return err == nil && latest.Command.State == s
	})
}
