package bus_test

import (
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/command"
	"devicebridge/events"
)

// start gives a bus on an embedded server with its streams.
func start(t *testing.T) (*bus.Bus, *bus.Server) {
	t.Helper()
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: t.TempDir(), LazySync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	b, err := bus.Connect(t.Context(), bus.Options{Server: server, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(t.Context()) })
	if err := b.Ensure(t.Context(), bus.StreamOptions{MaxStore: server.MaxStore()}); err != nil {
		t.Fatal(err)
	}
	return b, server
}

// accepted gives the first event of a new command.
func accepted(id string) command.Event {
	now := time.Now()
	return command.New(events.Command{ID: id, DeviceID: "device", Type: events.TypeLaunchURI, ExpiresAt: now.Add(time.Hour)},
		command.OnAccept, now)
}

func TestAppendAndLatest(t *testing.T) {
	b, _ := start(t)
	e := accepted(events.RequestCommandID("one"))
	seq, err := b.Append(t.Context(), e.Kind, e.Command, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Latest(t.Context(), e.Command.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Sequence != seq || got.Kind != e.Kind || got.Command.ID != e.Command.ID {
		t.Errorf("latest = %+v, want sequence %d of %+v", got, seq, e)
	}
	if _, err := b.Append(t.Context(), e.Kind, e.Command, 0); err != events.ErrLost {
		t.Errorf("a second first event: %v, want ErrLost", err)
	}
}
