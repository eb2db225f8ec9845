package bus_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestFullStream: a full stream takes nothing more, says so, and can be read.
func TestFullStream(t *testing.T) {
	t.Parallel()
	server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, bus.StreamOptions{MaxBytes: 16 << 10})
	_, js := insider(t, server)
	if usage := b.Usage(t.Context()); usage != 0 {
		t.Errorf("an empty stream is %.2f full", usage)
	}

	stored := 0
	var err error
	for stored < 1000 && err == nil {
		if _, err = b.Append(t.Context(), events.KindOf(events.StateAccepted), record(numbered(stored), 1), 0); err == nil {
			stored++
		}
	}
	wantCode(t, err, events.CodeUnavailable)
	if stored == 0 {
		t.Fatal("nothing fits")
	}
	if n := messages(t, js, b.Subjects().EventStream()); n != uint64(stored) {
		t.Errorf("%d events stored, %d were acknowledged", n, stored)
	}
	if _, err := b.Latest(t.Context(), numbered(stored-1)); err != nil {
		t.Errorf("read from a full stream: %v", err)
	}
	_, err = b.Latest(t.Context(), numbered(stored))
	wantCode(t, err, events.CodeNotFound)
	// What was known may be a second old.
	until(t, "the usage of a full stream", func() bool { u := b.Usage(t.Context()); return u > 0.9 && u <= 1 })

	stream, err := js.Stream(t.Context(), b.Subjects().EventStream())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Append(t.Context(), events.KindOf(events.StateAccepted), record(numbered(stored), 1), 0); err != nil {
		t.Errorf("append after there is room again: %v", err)
	}
}

func TestTooLargeEvent(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	large := func(id string, bytes int) events.Command {
		c := record(id, 1)
		c.Payload = json.RawMessage(`"` + strings.Repeat("x", bytes) + `"`)
		return c
	}
	if _, err := b.Append(t.Context(), events.KindOf(events.StateAccepted), large(numbered(1), b.MaxPayload()/2), 0); err != nil {
		t.Errorf("half of the largest message: %v", err)
	}
	t.Run("for the server", func(t *testing.T) {
		_, err := b.Append(t.Context(), events.KindOf(events.StateAccepted), large(numbered(2), b.MaxPayload()), 0)
		wantCode(t, err, events.CodeTooLarge)
	})
	t.Run("for the stream", func(t *testing.T) {
		limit(t, js, b.Subjects().EventStream(), 4096)
		_, err := b.Append(t.Context(), events.KindOf(events.StateAccepted), large(numbered(2), 8192), 0)
		wantCode(t, err, events.CodeTooLarge)
	})
	_, err := b.Latest(t.Context(), numbered(2))
	wantCode(t, err, events.CodeNotFound)
}

// limit sets the largest message of a stream, as an operator may.
func limit(t *testing.T, js jetstream.JetStream, name string, bytes int32) {
	t.Helper()
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.MaxMsgSize = bytes
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}
