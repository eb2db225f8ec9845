package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// following follows until the test ends or stop is called; it gives the ids of the
// events and returns once the server knows that it waits for them.
func following(t *testing.T, b *bus.Bus, nc *nats.Conn, js jetstream.JetStream, o bus.FollowOptions) (got <-chan string, stop func()) {
	t.Helper()
	made, err := nc.SubscribeSync("$JS.EVENT.ADVISORY.CONSUMER.CREATED." + eventStream + ".>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 1000)
	stop = running(t, func(ctx context.Context) error {
		return b.Follow(ctx, o, func(e events.Stored) error {
			seen <- e.Command.EventID()
			return nil
		})
	})
	msg, err := made.NextMsgWithContext(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	name := msg.Subject[strings.LastIndex(msg.Subject, ".")+1:]
	until(t, "a pull that waits", func() bool {
		consumer, err := js.Consumer(within(t), eventStream, name)
		return err == nil && consumer.CachedInfo().NumWaiting > 0
	})
	return seen, stop
}

// past gives the ids of the events that are there, as o chooses them.
func past(t *testing.T, b *bus.Bus, o bus.FollowOptions) (ids []string) {
	t.Helper()
	o.Latest = true
	if err := b.Follow(within(t), o, func(e events.Stored) error { ids = append(ids, e.Command.EventID()); return nil }); err != nil {
		t.Fatal(err)
	}
	return ids
}

// eventIDs gives the ids of events 1 to n of commands first to last.
func eventIDs(first, last, n int) (ids []string) {
	for i := first; i <= last; i++ {
		for j := range n {
			ids = append(ids, fmt.Sprintf("%s.%d", numbered(i), j+1))
		}
	}
	return ids
}

func TestFollowPast(t *testing.T) {
	b, _ := start(t)
	if ids := past(t, b, bus.FollowOptions{All: true}); len(ids) != 0 {
		t.Errorf("an empty stream gives %v", ids)
	}
	for i := range 3 {
		appended(t, b, numbered(i), 2)
	}
	between := time.Now()
	for i := range 3 {
		appended(t, b, numbered(3+i), 2)
	}
	s := b.Subjects()
	tests := []struct {
		name string
		o    bus.FollowOptions
		want []string
	}{
		{"all", bus.FollowOptions{All: true}, eventIDs(0, 5, 2)},
		{"since", bus.FollowOptions{Since: between}, eventIDs(3, 5, 2)},
		{"since the beginning", bus.FollowOptions{Since: between.Add(-time.Hour)}, eventIDs(0, 5, 2)},
		{"since the future", bus.FollowOptions{Since: between.Add(time.Hour)}, nil},
		{"from now on", bus.FollowOptions{}, nil},
		{"one command", bus.FollowOptions{All: true, Filter: s.CommandFilter(numbered(4))}, eventIDs(4, 4, 2)},
		{"one kind", bus.FollowOptions{Since: between, Filter: s.KindFilter(events.KindOf(events.StateAccepted), "")}, eventIDs(3, 5, 1)},
		{"an unknown command", bus.FollowOptions{All: true, Filter: s.CommandFilter(numbered(6))}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := past(t, b, tt.o); !slices.Equal(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
		})
	}
}

// TestFollowLatestEnds: the past is what was there at the beginning, however fast
// more is added; it is longer here than what a client fetches at once.
func TestFollowLatestEnds(t *testing.T) {
	const old = 600
	b, _ := start(t)
	for i := range old / 10 {
		appended(t, b, numbered(i), 10)
	}
	seen := 0
	err := b.Follow(within(t), bus.FollowOptions{All: true, Latest: true}, func(events.Stored) error {
		seen++
		if seen > old {
			return errors.New("it does not end")
		}
		appended(t, b, numbered(old+seen), 1)
		return nil
	})
	if err != nil || seen != old {
		t.Errorf("%d events, %v, want the %d from the beginning", seen, err, old)
	}
}

func TestFollowLive(t *testing.T) {
	b, server := start(t)
	nc, js := insider(t, server)
	appended(t, b, numbered(0), 2)
	live, stop := following(t, b, nc, js, bus.FollowOptions{})
	everything, _ := following(t, b, nc, js, bus.FollowOptions{All: true})
	for i := range 20 {
		appended(t, b, numbered(i+1), 3)
	}
	for _, want := range eventIDs(0, 0, 2) {
		if got := receive(t, "event", everything); got != want {
			t.Errorf("event %s, want %s", got, want)
		}
	}
	for _, want := range eventIDs(1, 20, 3) {
		if got := receive(t, "live event", live); got != want {
			t.Errorf("live event %s, want %s", got, want)
		}
		if got := receive(t, "event", everything); got != want {
			t.Errorf("event %s, want %s", got, want)
		}
	}
	stop()
}

func TestFollowStops(t *testing.T) {
	b, _ := start(t)
	appended(t, b, numbered(0), 3)
	enough := errors.New("enough")
	seen := 0
	err := b.Follow(within(t), bus.FollowOptions{All: true}, func(events.Stored) error {
		seen++
		if seen == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || seen != 2 {
		t.Errorf("%d events, %v, want 2 and the error of the one who saw enough", seen, err)
	}
}

// TestFollowForeign: what is no event of the bridge ends the following with words.
func TestFollowForeign(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	if _, err := js.Publish(t.Context(), b.Subjects().Append(numbered(1), "device", "accepted"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := b.Follow(within(t), bus.FollowOptions{All: true}, func(events.Stored) error { return nil }); err == nil {
		t.Error("no error")
	}
}

// TestFollowReconnects: an outage loses nothing, also when nothing was seen before
// it and the server forgot the consumer meanwhile.
func TestFollowReconnects(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, 2} {
		t.Run(fmt.Sprintf("after %d events", before), func(t *testing.T) {
			t.Parallel()
			far, near, p := separated(t)
			nc, js := client(t, near.URL())
			appended(t, near, numbered(0), 1)
			got, _ := following(t, far, nc, js, bus.FollowOptions{})
			for i := range before {
				appended(t, near, numbered(i+1), 1)
				if id := receive(t, "event before the outage", got); id != numbered(i+1)+".1" {
					t.Errorf("event %s", id)
				}
			}
			target := p.to("")
			forgetConsumers(t, js, eventStream)
			for i := range 3 {
				appended(t, near, numbered(before+i+1), 1)
			}
			p.to(target)
			for i := range 3 {
				if id := receive(t, "event of the outage", got); id != numbered(before+i+1)+".1" {
					t.Errorf("event %s, want the one of command %d", id, before+i+1)
				}
			}
		})
	}
}

// forgetConsumers deletes every consumer of a stream.
func forgetConsumers(t *testing.T, js jetstream.JetStream, name string) {
	t.Helper()
	stream, err := js.Stream(within(t), name)
	if err != nil {
		t.Fatal(err)
	}
	names := stream.ConsumerNames(within(t))
	for consumer := range names.Name() {
		if err := stream.DeleteConsumer(within(t), consumer); err != nil {
			t.Fatal(err)
		}
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
}
