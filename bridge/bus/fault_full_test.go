package bus_test

import (
	"fmt"
	"testing"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestFaultMaxBytes fills the event stream up to its limit with commands. New
// ones are refused while there is still room, and stored nowhere; those accepted
// can end in that room; when it is used up as well, an append is refused by the
// server. Nothing acknowledged is lost, and a higher limit is enough to go on.
func TestFaultMaxBytes(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	const limit = 64 << 10
	ensure(t, b, bus.StreamOptions{MaxBytes: limit})
	_, js := insider(t, server)
	g := new(counting)
	br := bridging(t, b, g)
	send := func(n int) (string, error) {
		receipt, err := br.Send(within(t), nil, fmt.Appendf(nil, `{"requestId":"%d",%s`, n, askedFor[1:]))
		return receipt.Command.ID, err
	}

	var ids []string
	for n := range 20 {
		id, err := send(n)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	stored := uint64(len(ids))
	for full := false; !full; stored++ {
		appended(t, b, events.RandomCommandID(), 1)
		stream, err := js.Stream(within(t), eventStream)
		if err != nil {
			t.Fatal(err)
		}
		full = stream.CachedInfo().State.Bytes > limit*82/100
	}
	until(t, "the fill is known", func() bool { return b.Usage(within(t)) > 0.8 }) // it may be a second old
	_, err := send(len(ids))
	wantCode(t, err, events.CodeUnavailable)
	_, err = b.Latest(within(t), numbered(len(ids)))
	wantCode(t, err, events.CodeNotFound)

	// One takes its whole life in the room that is left; others fill it.
	first := ids[0]
	from, err := b.Latest(within(t), first)
	if err != nil {
		t.Fatal(err)
	}
	if again := br.Dispatch(within(t), from, bridge.Delivery{Count: 1, Alive: func() error { return nil }}); again != 0 {
		t.Errorf("dispatch comes again after %v", again)
	}
	if err := br.Postback(within(t), first, []events.Observation{{Status: "completed", Digest: "1"}}); err != nil {
		t.Errorf("its end: %v", err)
	}
	stored += 3
	until(t, "an append refused", func() bool {
		_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(events.RandomCommandID(), 1), 0)
		if err == nil {
			stored++
			return false
		}
		wantCode(t, err, events.CodeUnavailable)
		return true
	})
	if n := messages(t, js, eventStream); n != stored {
		t.Errorf("%d events stored, want %d", n, stored)
	}
	second, err := b.Latest(within(t), ids[1])
	if err != nil {
		t.Fatal(err)
	}
	if again := br.Dispatch(within(t), second, bridge.Delivery{Count: 1, Alive: func() error { return nil }}); again == 0 {
		t.Error("a command that cannot be claimed does not come again")
	}
	if n := g.sent(ids[1]); n != 0 {
		t.Errorf("%d POSTs without a claim", n)
	}

	ensure(t, b, small())
	if _, err := send(0); err != nil {
		t.Errorf("a repeat: %v", err)
	}
	until(t, "a new command", func() bool { _, err := send(len(ids)); return err == nil })
	if again := br.Dispatch(within(t), second, bridge.Delivery{Count: 2, Alive: func() error { return nil }}); again != 0 || g.sent(ids[1]) != 1 {
		t.Errorf("the command that waited comes again after %v, %d POSTs", again, g.sent(ids[1]))
	}
	for i, id := range ids {
		if _, err := b.Latest(within(t), id); err != nil {
			t.Errorf("command %d of %d: %v", i, len(ids), err)
		}
	}
}
