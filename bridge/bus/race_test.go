package bus_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

const (
	racers = 16
	// lifetime is the number of events each raced command gets.
	lifetime = 4
)

func TestAppendRace(t *testing.T) {
	b, server := start(t)
	nc, js := insider(t, server)
	raceAppends(t, []*bus.Bus{b}, nc, 100)
	if n := messages(t, js, b.Subjects().EventStream()); n != 101 {
		t.Errorf("%d events stored, want 101", n)
	}
}

// raceAppends lets racers append, each another kind, to one command after the
// other: its first event, then the next ones. A plain subscriber has to see
// exactly the winners, in their order.
func raceAppends(t *testing.T, buses []*bus.Bus, subscriber *nats.Conn, rounds int) {
	t.Helper()
	s := buses[0].Subjects()
	live, err := subscriber.SubscribeSync(s.EventTree())
	if err != nil {
		t.Fatal(err)
	}
	if err := subscriber.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	var stored []string
	var id string
	var expected uint64
	for round := range rounds {
		n := round%lifetime + 1
		if n == 1 {
			id, expected = events.RandomCommandID(), 0
		}
		var kind events.Kind
		kind, expected = contest(t, buses, id, n, expected)
		stored = append(stored, s.Event(id, "device", kind))
	}
	// One more, without a contest: whatever was seen before it was seen in the race.
	last := events.RandomCommandID()
	appended(t, buses[0], last, 1)
	stored = append(stored, s.Event(last, "device", events.KindOf(events.StateAccepted)))
	for i, want := range stored {
		msg, err := live.NextMsgWithContext(within(t))
		if err != nil {
			t.Fatalf("live event %d: %v", i, err)
		}
		if msg.Subject != want {
			t.Fatalf("live event %d is %s, stored is %s", i, msg.Subject, want)
		}
	}
}

// contest lets racers append the nth event of a command at once, and gives the
// kind and the sequence of the one that won.
func contest(t *testing.T, buses []*bus.Bus, id string, n int, expected uint64) (events.Kind, uint64) {
	t.Helper()
	var (
		wins     sync.Map
		runners  sync.WaitGroup
		starting = make(chan struct{})
		ctx      = within(t)
	)
	for i, kind := range events.Kinds()[:racers] {
		b := buses[i%len(buses)]
		runners.Go(func() {
			<-starting
			seq, err := b.Append(ctx, kind, record(id, n), expected)
			switch {
			case err == nil:
				wins.Store(kind, seq)
			case !errors.Is(err, events.ErrLost):
				t.Errorf("event %d as %s: %v, want ErrLost", n, kind, err)
			}
		})
	}
	close(starting)
	runners.Wait()
	latest, err := buses[0].Latest(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	wins.Range(func(kind, seq any) bool {
		if kind != latest.Kind || seq != latest.Sequence {
			t.Errorf("event %d: %s won at %d, but %s is stored at %d", n, kind, seq, latest.Kind, latest.Sequence)
		}
		return true
	})
	if seq, won := wins.Load(latest.Kind); !won || seq != latest.Sequence {
		t.Fatalf("event %d: %s is stored at %d, and its writer does not know", n, latest.Kind, latest.Sequence)
	}
	return latest.Kind, latest.Sequence
}
