package bus_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestCluster: three replicas of the bridge, each on another server of one
// cluster, with streams of three replicas.
func TestCluster(t *testing.T) {
	t.Parallel()
	servers := cluster(t)
	var buses []*bus.Bus
	for _, s := range servers {
		buses = append(buses, connect(t, bus.Options{URL: s.ClientURL()}))
	}
	options := small()
	options.Replicas = 3

	// The replicas start at once, as a deployment starts them.
	var starts sync.WaitGroup
	for _, b := range buses {
		starts.Go(func() {
			if err := b.Ensure(within(t), options); err != nil {
				t.Errorf("start at once with the others: %v", err)
			}
		})
	}
	starts.Wait()
	if t.Failed() {
		t.FailNow()
	}

	nc, js := client(t, servers[0].ClientURL())
	raceAppends(t, buses, nc, 40)
	if n := messages(t, js, buses[0].Subjects().EventStream()); n != 41 {
		t.Errorf("%d events stored, want 41", n)
	}

	t.Run("latest is the leader's", func(t *testing.T) {
		for i := range 200 {
			id := events.RandomCommandID()
			seq := appended(t, buses[i%3], id, 1)
			if got, err := buses[(i+1)%3].Latest(within(t), id); err != nil || got.Sequence != seq {
				t.Fatalf("another replica reads %d, %v, want %d", got.Sequence, err, seq)
			}
		}
	})

	t.Run("lost acknowledgement", func(t *testing.T) {
		p := newProxy(t, servers[1].Addr().String())
		loseAcknowledgement(t, connect(t, bus.Options{URL: p.url(), Timeout: patience}), p)
	})

	t.Run("race while the leader steps down", func(t *testing.T) {
		before := messages(t, js, buses[0].Subjects().EventStream())
		stepping := make(chan error, 1)
		go func() {
			_, err := nc.RequestWithContext(within(t), "$JS.API.STREAM.LEADER.STEPDOWN."+buses[0].Subjects().EventStream(), nil)
			stepping <- err
		}()
		won := unsettled(t, buses)
		if err := receive(t, "answer to the step down", stepping); err != nil {
			t.Error(err)
		}
		until(t, "a new leader", func() bool {
			_, err := buses[0].Latest(t.Context(), numbered(0))
			return events.HasCode(err, events.CodeNotFound)
		})
		if stored := messages(t, js, buses[0].Subjects().EventStream()) - before; stored < won {
			t.Errorf("%d appends won, %d are stored", won, stored)
		}
	})
}

// unsettled lets racers append the first events of commands while the stream may
// have no leader. Each command has at most one winner, and who is not told of
// its win reports a loss or that the stream does not answer. It gives the number
// of wins.
func unsettled(t *testing.T, buses []*bus.Bus) (won uint64) {
	t.Helper()
	for range 20 {
		id := events.RandomCommandID()
		var mu sync.Mutex
		var winners []string
		var runners sync.WaitGroup
		for i, kind := range events.Kinds()[:racers] {
			runners.Go(func() {
				_, err := buses[i%len(buses)].Append(within(t), kind, record(id, 1), 0)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					winners = append(winners, string(kind))
				case !errors.Is(err, events.ErrLost) && !events.HasCode(err, events.CodeUnavailable):
					t.Errorf("%s: %v, want ErrLost or unavailable", kind, err)
				}
			})
		}
		runners.Wait()
		if len(winners) > 1 {
			t.Errorf("command %s has several winners: %s", id, strings.Join(winners, ", "))
		}
		won += uint64(len(winners))
	}
	return won
}
