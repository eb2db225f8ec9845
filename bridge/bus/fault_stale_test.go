package bus_test

import (
	"errors"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestFaultStaleFollower cuts a follower off, with a bridge on it. What the
// follower has is old, and it may answer direct gets with it, which is why the
// bridge uses none. Nothing is decided there: a read of the bus has no answer, and
// what somebody appends onto the old event is not stored, neither then nor when the
// follower is back.
func TestFaultStaleFollower(t *testing.T) {
	t.Parallel()
	c, buses := linkedBuses(t)
	id := numbered(0)
	leader := c.leader(t, eventStream)
	lonely := (leader + 1) % len(c.servers)
	old := stored(t, buses[leader], record(id, 1), 0)
	until(t, "the follower has the first event", func() bool { return lastOf(t, c.servers[lonely]) == old })
	c.cut(lonely)
	latest := stored(t, buses[leader], record(id, 2), old)
	if got := lastOf(t, c.servers[lonely]); got != old {
		t.Fatalf("the follower has event %d; it was not cut off at %d", got, old)
	}
	far, near := buses[lonely], buses[(lonely+1)%len(buses)]
	got, err := far.Latest(within(t), id)
	if wantCode(t, err, events.CodeUnavailable); err == nil {
		t.Errorf("the bus read event %d", got.Command.Sequence)
	}
	_, err = far.Append(within(t), events.KindOf(events.StateSending), ofTheLonely(id), old)
	wantCode(t, err, events.CodeUnavailable)

	c.heal(lonely)
	wantLost(t, far, ofTheLonely(id), old)
	for _, b := range []*bus.Bus{far, near} {
		wantChain(t, b, id, old, latest)
	}
}

// TestFaultStaleLeader cuts the leader off, with a bridge on it that goes on to
// believe in it. The others choose another, and what is appended there stands;
// nothing that the old leader took is ever called stored, or is found later.
func TestFaultStaleLeader(t *testing.T) {
	t.Parallel()
	c, buses := linkedBuses(t)
	lonely := c.leader(t, eventStream)
	far, near := buses[lonely], buses[(lonely+1)%len(buses)]
	id := numbered(1)
	first := stored(t, near, record(id, 1), 0)

	c.cut(lonely)
	lost := make(chan error, 1)
	go func() {
		_, err := far.Append(within(t), events.KindOf(events.StateSending), ofTheLonely(id), first)
		lost <- err
	}()
	second := stored(t, near, record(id, 2), first)
	wantCode(t, receive(t, "end of the append at the old leader", lost), events.CodeUnavailable)

	c.heal(lonely)
	wantLost(t, far, ofTheLonely(id), first)
	for _, b := range []*bus.Bus{far, near} {
		wantChain(t, b, id, first, second)
	}
}

// linkedBuses gives a cluster and a bus on each of its servers.
func linkedBuses(t *testing.T) (*linked, []*bus.Bus) {
	t.Helper()
	c := linkedCluster(t)
	var buses []*bus.Bus
	for _, s := range c.servers {
		buses = append(buses, connect(t, bus.Options{URL: s.ClientURL(), Timeout: patience}))
	}
	options := small()
	options.Replicas = 3
	ensure(t, buses[0], options)
	return c, buses
}

// stored appends until it is, whoever leads by then, and gives the sequence.
func stored(t *testing.T, b *bus.Bus, c events.Command, expected uint64) (seq uint64) {
	t.Helper()
	until(t, "an append", func() bool {
		var err error
		if seq, err = b.Append(within(t), events.KindOf(events.StateSending), c, expected); err == nil {
			return true
		}
		if errors.Is(err, events.ErrLost) { // to an earlier try that had no answer
			latest, err := b.Latest(within(t), c.ID)
			seq = latest.Sequence
			return err == nil && latest.Command.Sequence == c.Sequence
		}
		if !events.HasCode(err, events.CodeUnavailable) {
			t.Fatalf("append: %v", err)
		}
		return false
	})
	return seq
}

// lastOf gives the last sequence of the event stream as one server has it.
func lastOf(t *testing.T, s *server.Server) uint64 {
	t.Helper()
	own, err := s.Jsz(&server.JSzOptions{Account: server.DEFAULT_GLOBAL_ACCOUNT, Streams: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range own.AccountDetails {
		for _, stream := range account.Streams {
			if stream.Name == eventStream {
				return stream.State.LastSeq
			}
		}
	}
	return 0
}

// ofTheLonely is the second event of a command by who is cut off.
func ofTheLonely(id string) events.Command {
	c := record(id, 2)
	c.CorrelationID = "lonely"
	return c
}

// wantLost fails unless an append is refused, as soon as there is an answer.
func wantLost(t *testing.T, b *bus.Bus, c events.Command, expected uint64) {
	t.Helper()
	until(t, "the append is told to be lost", func() bool {
		seq, err := b.Append(within(t), events.KindOf(events.StateSending), c, expected)
		if err == nil || !errors.Is(err, events.ErrLost) && !events.HasCode(err, events.CodeUnavailable) {
			t.Fatalf("append onto the old event: %d, %v; want ErrLost", seq, err)
		}
		return errors.Is(err, events.ErrLost)
	})
}

// wantChain fails unless the events of a command are at these sequences, none of
// them by who was cut off. A replica that is not back yet has fewer.
func wantChain(t *testing.T, b *bus.Bus, id string, want ...uint64) {
	t.Helper()
	until(t, "the events of "+id, func() bool {
		n := 0
		err := b.Follow(within(t), bus.FollowOptions{Filter: b.Subjects().CommandFilter(id), All: true, Latest: true}, func(e events.Stored) error {
			if n == len(want) || e.Sequence != want[n] || e.Command.Sequence != n+1 || e.Command.CorrelationID != "" {
				t.Fatalf("event %d of %d is at %d, n = %d %q", n+1, len(want), e.Sequence, e.Command.Sequence, e.Command.CorrelationID)
			}
			n++
			return nil
		})
		return err == nil && n == len(want)
	})
	// A leader that was cut off answers reads, with what it had, until it notices
	// that there is another.
	until(t, "the latest event of "+id, func() bool {
		latest, err := b.Latest(within(t), id)
		return err == nil && latest.Sequence == want[len(want)-1]
	})
}
