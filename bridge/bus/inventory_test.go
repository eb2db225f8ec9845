package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// inventoried are small streams with that of the inventory.
func inventoried() bus.StreamOptions {
	o := small()
	o.Inventory = true
	return o
}

// startInventory is start with the inventory switched on.
func startInventory(t *testing.T) (*bus.Bus, *bus.Server) {
	t.Helper()
	b, server := start(t)
	ensure(t, b, inventoried())
	return b, server
}

// device gives the nth event of a device, to follow on the one expected.
func device(id string, n int, expected uint64) events.InventoryAppend {
	kind := events.InventoryUpdated
	if n == 1 {
		kind = events.InventoryCreated
	}
	return events.InventoryAppend{
		Expected: expected,
		Event: events.InventoryEvent{
			Kind: kind, DeviceID: id, Sequence: n, Time: time.Now().UTC(), Device: json.RawMessage(fmt.Sprintf(`{"id":%q,"n":%d}`, id, n)),
		},
	}
}

// devices gives the first events of n devices.
func devices(n int) (list []events.InventoryAppend) {
	for i := range n {
		list = append(list, device(fmt.Sprintf("device-%03d", i), 1, 0))
	}
	return list
}

// committed commits and gives the cursor's revision.
func committed(t *testing.T, b *bus.Bus, batch []events.InventoryAppend, cursor string, expected uint64) uint64 {
	t.Helper()
	revision, err := b.CommitInventory(within(t), batch, []byte(cursor), expected)
	if err != nil {
		t.Fatalf("commit %s: %v", cursor, err)
	}
	return revision
}

// wantCursor fails unless the cursor is as given.
func wantCursor(t *testing.T, b *bus.Bus, cursor string, revision uint64) {
	t.Helper()
	if text, at, err := b.InventoryCursor(within(t)); string(text) != cursor || at != revision || err != nil {
		t.Errorf("the cursor is %q at %d, %v, want %q at %d", text, at, err, cursor, revision)
	}
}

func TestInventory(t *testing.T) {
	b, server := startInventory(t)
	_, js := insider(t, server)
	wantCursor(t, b, "", 0)
	_, err := b.LatestInventory(within(t), "device-000")
	wantCode(t, err, events.CodeNotFound)

	batch := devices(3)
	first := committed(t, b, batch, "one", 0)
	wantCursor(t, b, "one", first)
	for _, a := range batch {
		got, err := b.LatestInventory(within(t), a.Event.DeviceID)
		if err != nil || got.Event.ID() != a.Event.ID() || string(got.Event.Device) != string(a.Event.Device) || got.StreamSequence >= first {
			t.Errorf("latest is %+v, %v, want %+v", got, err, a.Event)
		}
	}
	second := committed(t, b, nil, "two", first)
	third := committed(t, b, []events.InventoryAppend{device("device-001", 2, 2), device("a.b *", 1, 0)}, "three", second)
	wantCursor(t, b, "three", third)
	var known []string
	if err := b.EachInventory(within(t), func(id string) error { known = append(known, id); return nil }); err != nil {
		t.Error(err)
	}
	slices.Sort(known)
	if want := []string{"a.b *", "device-000", "device-001", "device-002"}; !slices.Equal(known, want) {
		t.Errorf("devices %v, want %v", known, want)
	}
	enough := errors.New("enough")
	if err := b.EachInventory(within(t), func(string) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("see's error comes back as %v", err)
	}

	stored := messages(t, js, b.Subjects().InventoryStream())
	for name, lost := range map[string]struct {
		batch  []events.InventoryAppend
		cursor uint64
	}{
		"an old cursor":           {nil, second},
		"no cursor":               {devices(1), 0},
		"a cursor to come":        {devices(1), third + 1},
		"a device's own past":     {[]events.InventoryAppend{device("new", 1, 0), device("device-001", 3, 2)}, third},
		"a device without events": {[]events.InventoryAppend{device("new", 1, 0), device("newer", 2, 1)}, third},
		"a device that is known":  {[]events.InventoryAppend{device("new", 1, 0), device("device-002", 1, 0)}, third},
	} {
		if _, err := b.CommitInventory(within(t), lost.batch, []byte(name), lost.cursor); !errors.Is(err, events.ErrLost) {
			t.Errorf("%s: %v, want ErrLost", name, err)
		}
	}
	if n := messages(t, js, b.Subjects().InventoryStream()); n != stored {
		t.Errorf("what was lost is stored in part: %d messages, want %d", n, stored)
	}
}

func TestInventoryRefusals(t *testing.T) {
	b, server := startInventory(t)
	_, js := insider(t, server)
	huge := device("huge", 1, 0)
	huge.Event.Device = json.RawMessage(`{"id":"huge","x":"` + strings.Repeat("x", b.MaxPayload()) + `"}`)
	for name, test := range map[string]struct {
		batch []events.InventoryAppend
		code  events.Code
		says  string
	}{
		"too large":         {append(devices(2), huge), events.CodeTooLarge, "huge"},
		"no id":             {append(devices(2), device("", 1, 0)), "", "object id"},
		"too many":          {devices(bus.MaxInventoryCommit + 1), "", "at most 999"},
		"no room for an id": {append(devices(2), device(strings.Repeat("x", 257), 1, 0)), "", "object id"},
	} {
		_, err := b.CommitInventory(within(t), test.batch, []byte("x"), 0)
		if err == nil || !strings.Contains(err.Error(), test.says) || test.code != "" && !events.HasCode(err, test.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := messages(t, js, b.Subjects().InventoryStream()); n != 0 {
		t.Errorf("%d messages are stored", n)
	}
	committed(t, b, devices(bus.MaxInventoryCommit), "as many as may be", 0)
}

// TestInventoryKeepsTheState: of many changes a few are kept, the latest always.
func TestInventoryKeepsTheState(t *testing.T) {
	b, server := startInventory(t)
	_, js := insider(t, server)
	if config := configOf(t, js, b.Subjects().InventoryStream()); config.MaxAge != 0 || config.Discard != jetstream.DiscardNew || config.MaxBytes != 16<<20 {
		t.Errorf("it is declared as %+v", config)
	}
	var revision, last uint64
	for n := 1; n <= 30; n++ {
		revision = committed(t, b, []events.InventoryAppend{device("device", n, last)}, "x", revision)
		last = revision - 1
	}
	if got, err := b.LatestInventory(within(t), "device"); err != nil || got.Event.Sequence != 30 {
		t.Errorf("latest is %+v, %v", got, err)
	}
	if n := messages(t, js, b.Subjects().InventoryStream()); n != 1+3+3 {
		t.Errorf("%d messages are kept, want created, 3 of updated and 3 of the cursor", n)
	}
}

// TestInventoryOff: without the feed there is no stream, and the others are as ever.
func TestInventoryOff(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	if _, err := js.Stream(within(t), b.Subjects().InventoryStream()); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("there is a stream: %v", err)
	}
	_, err := b.CommitInventory(within(t), devices(1), []byte("x"), 0)
	if err == nil {
		t.Error("it takes a commit")
	}
	_, _, err = b.InventoryCursor(within(t))
	wantCode(t, err, events.CodeUnavailable)
	wantCode(t, b.EachInventory(within(t), func(string) error { return nil }), events.CodeUnavailable)
}

// TestInventoryFits: with the inventory too the streams take no more than the
// server has.
func TestInventoryFits(t *testing.T) {
	for _, maxStore := range []int64{40 << 20, 100 << 20, 8 << 30} {
		server := embedded(t, bus.ServerOptions{Dir: t.TempDir(), MaxStore: maxStore})
		_, js := insider(t, server)
		b := connect(t, bus.Options{Server: server})
		ensure(t, b, bus.StreamOptions{MaxStore: server.MaxStore(), Inventory: true})
		var sum int64
		for info := range js.ListStreams(within(t)).Info() {
			sum += info.Config.MaxBytes
		}
		if sum > maxStore || sum < min(maxStore, 2<<30)*4/5 {
			t.Errorf("the streams together may take %d bytes of %d", sum, maxStore)
		}
	}
}

// TestInventoryFull: a full stream takes nothing more, nor a part of a batch, says
// so, and can be read.
func TestInventoryFull(t *testing.T) {
	t.Parallel()
	streams := bus.StreamOptions{MaxBytes: 256 << 10, Inventory: true}
	b, js, _, changes := watched(t, streams)
	var revision uint64
	var err error
	n := 0
	for ; n < 100 && err == nil; n++ {
		batch := devices(10)
		for i := range batch {
			batch[i].Event.DeviceID = fmt.Sprintf("%d-%d", n, i)
		}
		var next uint64
		if next, err = b.CommitInventory(within(t), batch, []byte("x"), revision); err == nil {
			revision = next
		}
	}
	wantCode(t, err, events.CodeUnavailable)
	if n < 2 || !strings.Contains(err.Error(), "the inventory stream has no room") {
		t.Errorf("after %d commits: %v", n, err)
	}
	_, err = b.LatestInventory(within(t), fmt.Sprintf("%d-0", n-1))
	wantCode(t, err, events.CodeNotFound)
	wantCursor(t, b, "x", revision)
	wantChange(t, changes, bus.StorageFull, true)
	stream, err := js.Stream(within(t), b.Subjects().InventoryStream())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(within(t)); err != nil {
		t.Fatal(err)
	}
	wantChange(t, changes, bus.StorageFull, false)
	committed(t, b, devices(10), "room", 0)
}

// TestInventoryBarred: while its stream cannot be trusted nothing is stored in it;
// commands go on.
func TestInventoryBarred(t *testing.T) {
	t.Parallel()
	b, js, _, changes := watched(t, inventoried())
	name := b.Subjects().InventoryStream()
	before := configOf(t, js, name)
	spoilt := before
	spoilt.SubjectTransform = nil
	if _, err := js.UpdateStream(within(t), spoilt); err != nil {
		t.Fatal(err)
	}
	wantChange(t, changes, bus.StreamDiffers, true)
	_, err := b.CommitInventory(within(t), devices(3), []byte("x"), 0)
	wantCode(t, err, events.CodeUnavailable)
	if n := messages(t, js, name); n != 0 {
		t.Errorf("%d messages are stored", n)
	}
	storing(t, b)
	if _, err := js.UpdateStream(within(t), before); err != nil {
		t.Fatal(err)
	}
	wantChange(t, changes, bus.StreamDiffers, false)
	committed(t, b, devices(3), "trusted", 0)
}

// TestInventoryGuests: a subscriber of the embedded server follows the feed live
// and by a consumer of its own, and may not write it.
func TestInventoryGuests(t *testing.T) {
	b, server := startInventory(t)
	nc, js := client(t, server.URL())
	live, err := nc.SubscribeSync(b.Subjects().InventoryTree())
	if err != nil {
		t.Fatal(err)
	}
	wantAllowed(t, nc, "subscribe to the inventory", true)
	committed(t, b, devices(100), "x", 0)
	consumer, err := js.CreateOrUpdateConsumer(within(t), b.Subjects().InventoryStream(), jetstream.ConsumerConfig{
		Durable: "mine", AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: b.Subjects().InventoryTree(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range devices(100) {
		msg, err := live.NextMsgWithContext(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if e, err := events.DecodeInventory(msg.Header, msg.Data); err != nil || e.ID() != want.Event.ID() {
			t.Fatalf("live event %d is %+v, %v", i, e, err)
		}
		stored, err := consumer.Next(jetstream.FetchContext(within(t)))
		if err != nil {
			t.Fatal(err)
		}
		if e, err := events.DecodeInventory(stored.Headers(), stored.Data()); err != nil || e.ID() != want.Event.ID() {
			t.Fatalf("stored event %d is %+v, %v", i, e, err)
		}
		if err := stored.DoubleAck(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := js.DeleteConsumer(within(t), b.Subjects().InventoryStream(), "mine"); err != nil {
		t.Error(err)
	}
	guest := connect(t, bus.Options{URL: server.URL(), Timeout: 100 * time.Millisecond})
	if _, err := guest.CommitInventory(context.WithoutCancel(t.Context()), devices(1), []byte("x"), 0); err == nil {
		t.Error("a guest may commit")
	}
}
