package bus_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// foreign are messages in the event stream that no bridge stored, by what is wrong with
// them. Each is the first under the id of a command, or under none.
func foreign(t *testing.T, b *bus.Bus) map[string]*nats.Msg {
	t.Helper()
	encoded := func(kind events.Kind, c events.Command) (nats.Header, []byte) {
		header, body, err := b.Subjects().Encode(kind, c)
		if err != nil {
			t.Fatal(err)
		}
		return header, body
	}
	header, body := encoded("accepted", record(numbered(0), 1))
	_, ended := encoded("completed", record(numbered(0), 1))
	other := maps.Clone(header)
	other["ce-type"] = []string{events.EventType("sending")}
	later := record(numbered(907), 40)
	gap, gapBody := encoded("accepted", later)
	at := func(n int, kind events.Kind) string { return b.Subjects().Append(numbered(900+n), "d1", kind) }
	return map[string]*nats.Msg{
		"the body of another command": {Subject: at(1, "accepted"), Header: header, Data: body},
		"no body":                     {Subject: at(2, "accepted"), Header: header},
		"no headers":                  {Subject: at(3, "accepted"), Data: body},
		"the type of another kind":    {Subject: at(4, "accepted"), Header: other, Data: body},
		"the end of another command":  {Subject: at(5, "completed"), Header: header, Data: ended},
		"no command's id":             {Subject: b.Subjects().Append("nobody", "d1", "accepted"), Header: header, Data: body},
		"an end that is nothing":      {Subject: at(6, "completed"), Data: []byte("{")},
		"an n far ahead":              {Subject: at(7, "accepted"), Header: gap, Data: gapBody},
	}
}

// TestForeignEventsStopNothing: whoever goes through many commands passes over what no
// bridge stored, counts it, and comes to the others.
func TestForeignEventsStopNothing(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	_, js := insider(t, server)
	var unreadable atomic.Int32
	br, err := bridge.New(bridge.Options{
		Subjects: b.Subjects(), Stream: b, Shelf: b, Watcher: b, Timers: b, Payloads: b, Eraser: b,
		Sender: new(counting), Observer: new(counting), Directory: new(counting), Callbacks: new(counting),
		Paused: true, Hooks: bridge.Hooks{Unreadable: func() { unreadable.Add(1) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	send := func(n int) string {
		t.Helper()
		receipt, err := br.Send(within(t), nil, fmt.Appendf(nil, `{"requestId":"r%d","deviceId":"d","type":"launchUri","payload":{"uri":"https://example.com/"}}`, n))
		if err != nil {
			t.Fatal(err)
		}
		return receipt.Command.ID
	}
	next, stop, err := b.SubscribeKind(within(t), "accepted")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	sent := []string{send(0)}
	bad := foreign(t, b)
	for name, msg := range bad {
		if _, err := js.PublishMsg(within(t), msg); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sent = append(sent, send(len(sent)))
	}
	if _, err := br.Sweep(within(t)); err != nil {
		t.Fatal(err)
	}
	if got, want := int(unreadable.Load()), len(bad)-1; got != want { // an n far ahead can be read
		t.Errorf("%d were counted, want %d", got, want)
	}
	for _, id := range sent {
		if armed, err := b.Armed(within(t), id); err != nil || !armed {
			t.Errorf("command %s has a timer: %t, %v", id, armed, err)
		}
	}
	if list, err := br.List(within(t), []byte(`{"limit":200}`)); err != nil || len(list.Commands) != len(sent) {
		t.Errorf("%d commands are listed, want %d: %v", len(list.Commands), len(sent), err)
	}
	before := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	if reply, err := br.Quarantine(within(t), []byte(`{"before":"`+before+`"}`)); err != nil || reply.Quarantined != len(sent) {
		t.Errorf("quarantine: %+v, %v", reply, err)
	}
	var seen []string
	see := func(e events.Stored) error { seen = append(seen, e.Command.ID); return nil }
	passed := 0
	o := bus.FollowOptions{All: true, Latest: true, Unreadable: func(error) error { passed++; return nil }}
	if err := b.Follow(within(t), o, see); err != nil || !slices.Contains(seen, sent[len(sent)-1]) || passed != len(bad)-1 {
		t.Errorf("%d events are followed and %d passed over: %v", len(seen), passed, err)
	}
	for i := 0; i < len(sent); {
		e, err := next(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if e.Command.ID == sent[i] {
			i++
		}
	}
	id := []byte(`{"id":"` + numbered(901) + `"}`)
	if _, err := b.Latest(within(t), numbered(901)); !errors.Is(err, events.ErrUnreadable) {
		t.Errorf("the latest event of a command of another's: %v", err)
	}
	for name, ask := range map[string]func(context.Context, []byte) (events.CommandReply, error){"get": br.Get, "cancel": br.Cancel} {
		if _, err := ask(within(t), id); !errors.Is(err, events.ErrUnreadable) || events.AsError(err).Code != events.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := br.Erase(within(t), id); !errors.Is(err, events.ErrUnreadable) {
		t.Errorf("erase: %v", err)
	}
}

// TestAForeignEndIsNone: an end that names another command leaves the one open under
// whose id it stands, to be looked at.
func TestAForeignEndIsNone(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	_, js := insider(t, server)
	id := numbered(1)
	stored(t, b, record(id, 1), 0)
	header, body, err := b.Subjects().Encode("completed", events.Command{ID: numbered(2), State: "completed", Terminal: true, Sequence: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.PublishMsg(within(t), &nats.Msg{Subject: b.Subjects().Append(id, "d1", "completed"), Header: header, Data: body}); err != nil {
		t.Fatal(err)
	}
	var open []string
	err = b.EachOpen(within(t), time.Now().Add(-time.Hour), func(command string, _ time.Time, _ bool) error { open = append(open, command); return nil })
	if err != nil || !slices.Equal(open, []string{id}) {
		t.Errorf("open are %v, %v", open, err)
	}
}

// TestAForeignDeviceIsUnreadable: the feed leaves it out.
func TestAForeignDeviceIsUnreadable(t *testing.T) {
	t.Parallel()
	b, server := startInventory(t)
	_, js := insider(t, server)
	header, body, err := b.Subjects().EncodeInventory(device("a", 1, 0).Event)
	if err != nil {
		t.Fatal(err)
	}
	publish := func(header nats.Header) {
		t.Helper()
		if _, err := js.PublishMsg(within(t), &nats.Msg{Subject: b.Subjects().InventoryAppend("b", events.InventoryCreated), Header: header, Data: body}, jetstream.WithRetryAttempts(0)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.LatestInventory(within(t), "b"); !errors.Is(err, events.ErrUnreadable) {
			t.Errorf("headers %v: %v", header, err)
		}
	}
	publish(header)
	publish(nil)
}
