package bus_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestFaultNotFoundNeedsQuorum: a leader that is cut off from the others, and does not
// know yet what they have stored since, never says that a command is not there; nor
// does it confirm what it has. When it is back everything is found.
func TestFaultNotFoundNeedsQuorum(t *testing.T) {
	t.Parallel()
	c, buses := linkedBuses(t)
	lonely := c.leader(t, eventStream)
	far, near := buses[lonely], buses[(lonely+1)%len(buses)]
	old := numbered(0)
	stored(t, near, record(old, 1), 0)
	_, err := far.Latest(within(t), numbered(9))
	wantCode(t, err, events.CodeNotFound) // a majority confirms it
	if asked, err := far.Confirm(within(t)); !asked || err != nil {
		t.Errorf("while all are together: asked %t, %v", asked, err)
	}

	c.cut(lonely)
	// The old leader still answers reads.
	if _, err := far.Latest(within(t), old); err != nil && !events.HasCode(err, events.CodeUnavailable) {
		t.Errorf("what it had: %v", err)
	}
	for i := 1; i <= 3; i++ {
		stored(t, near, record(numbered(i), 1), 0)
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				_, err := far.Latest(within(t), numbered(i))
				wantCode(t, err, events.CodeUnavailable)
				_, err = far.LatestResponse(within(t), old)
				wantCode(t, err, events.CodeUnavailable)
			})
		}
		readers.Wait()
		if asked, err := far.Confirm(within(t)); !asked || !events.HasCode(err, events.CodeUnavailable) {
			t.Errorf("while it is cut off: asked %t, %v", asked, err)
		}
	}

	c.heal(lonely)
	for i := 1; i <= 3; i++ {
		until(t, "the command is found", func() bool {
			_, err := far.Latest(within(t), numbered(i))
			if events.HasCode(err, events.CodeNotFound) {
				t.Error("after it is back a command is not found")
			}
			return err == nil
		})
	}
}

// TestConfirmNeedsNoRightsOnOneServer: where one server holds the stream, nothing is
// asked of a majority.
func TestConfirmNeedsNoRightsOnOneServer(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	nc, _ := insider(t, server)
	deletions, err := nc.SubscribeSync("$JS.API.STREAM.MSG.DELETE.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	_, err = b.Latest(within(t), numbered(1))
	wantCode(t, err, events.CodeNotFound)
	if asked, err := b.Confirm(within(t)); asked || err != nil {
		t.Errorf("asked %t, %v", asked, err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for msg := range waitingFor(t, deletions) {
		t.Errorf("it asks %s", msg.Subject)
	}
}

// TestNotFoundWithoutTheRight: where the majority cannot be asked nothing is said not to
// be there, and the reason is NATS' own.
func TestNotFoundWithoutTheRight(t *testing.T) {
	t.Parallel()
	servers := cluster(t)
	options := small()
	options.Replicas = 3
	b := connect(t, bus.Options{URL: servers[0].ClientURL()})
	ensure(t, b, options)
	_, err := b.Latest(within(t), numbered(1))
	wantCode(t, err, events.CodeNotFound)
	_, js := client(t, servers[0].ClientURL())
	changed(t, js, b, func(c *jetstream.StreamConfig) { c.DenyDelete = true })
	_, err = b.Latest(within(t), numbered(1))
	if wantCode(t, err, events.CodeUnavailable); !strings.Contains(err.Error(), "not permitted") {
		t.Errorf("it says %v", err)
	}
}
