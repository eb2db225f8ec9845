package bus_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

func TestAppendAndLatest(t *testing.T) {
	b, _ := start(t)
	id := numbered(1)
	if _, err := b.Latest(t.Context(), id); !events.HasCode(err, events.CodeNotFound) {
		t.Errorf("latest of an unknown command: %v, want notFound", err)
	}
	first, err := b.Append(t.Context(), events.KindOf(events.StateAccepted), record(id, 1), 0)
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.Append(t.Context(), events.KindResponse, record(id, 2), first)
	if err != nil {
		t.Fatal(err)
	}
	third, err := b.Append(t.Context(), events.KindOf(events.StateCompleted), record(id, 3), second)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Latest(t.Context(), id)
	if err != nil || got.Sequence != third || got.Kind != events.KindOf(events.StateCompleted) || got.Command.EventID() != id+".3" {
		t.Errorf("latest = %+v, %v, want event 3 at %d", got, err, third)
	}
	got, err = b.LatestResponse(t.Context(), id)
	if err != nil || got.Sequence != second || got.Kind != events.KindResponse {
		t.Errorf("latest response = %+v, %v, want the one at %d", got, err, second)
	}
	if got, err = b.Accepted(t.Context(), id); err != nil || got.Sequence != first || got.Command.EventID() != id+".1" {
		t.Errorf("accepted = %+v, %v, want the one at %d", got, err, first)
	}
	if _, err := b.Accepted(t.Context(), numbered(2)); !events.HasCode(err, events.CodeNotFound) {
		t.Errorf("accepted of an unknown command: %v, want notFound", err)
	}
	if _, err := b.LatestResponse(t.Context(), numbered(2)); !events.HasCode(err, events.CodeNotFound) {
		t.Errorf("latest response of an unknown command: %v, want notFound", err)
	}
}

// TestAppendLost: what does not follow the command's latest event is not stored,
// whatever its kind and device.
func TestAppendLost(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	old := appended(t, b, numbered(1), 1)
	latest := appended(t, b, numbered(2), 2)
	tests := []struct {
		name     string
		id       string
		expected uint64
	}{
		{"first event of a command that has one", numbered(2), 0},
		{"sequence of its own past", numbered(2), latest - 1},
		{"sequence to come", numbered(2), latest + 1},
		{"sequence of another command", numbered(2), old},
		{"sequence for a command without events", numbered(3), latest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, kind := range events.Kinds() {
				c := record(tt.id, 3)
				c.DeviceID = "other device"
				if _, err := b.Append(t.Context(), kind, c, tt.expected); !errors.Is(err, events.ErrLost) {
					t.Errorf("%s: error %v, want ErrLost", kind, err)
				}
			}
		})
	}
	if n := messages(t, js, b.Subjects().EventStream()); n != 3 {
		t.Errorf("%d events stored, want the 3 from before", n)
	}
}

// TestAppendAgedOut: a command whose events have left the stream does not come
// back by a late event.
func TestAppendAgedOut(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	id := numbered(1)
	last := appended(t, b, id, 2)
	stream, err := js.Stream(t.Context(), b.Subjects().EventStream())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSubject(b.Subjects().CommandFilter(id))); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Append(t.Context(), events.KindOf(events.StateCompleted), record(id, 3), last); !errors.Is(err, events.ErrLost) {
		t.Errorf("append: %v, want ErrLost", err)
	}
	if n := messages(t, js, b.Subjects().EventStream()); n != 0 {
		t.Errorf("%d events stored, want none", n)
	}
}

// TestAppendFilterCovers: the server does not check that the filter of the
// compare-and-set covers the subject; one that does not would always win.
func TestAppendFilterCovers(t *testing.T) {
	b, natsServer := start(t)
	_, js := insider(t, natsServer)
	s := b.Subjects()
	stream, err := js.Stream(t.Context(), s.EventStream())
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	stored, err := server.NewSubjectTransform(config.SubjectTransform.Source, config.SubjectTransform.Destination)
	if err != nil {
		t.Fatal(err)
	}
	devices := []string{
		"", "device", "a.b.c", "*", ">", "a.>", " ", "a b\tc\r\n", "%2A", "{\"}$/\\", "é", "日本", "\x00\xff", "_", "-",
		strings.Repeat("x", 256), strings.Repeat("x", 257), strings.Repeat(".", 85), strings.Repeat(".", 86),
	}
	for i, device := range devices {
		id := numbered(i)
		for _, kind := range events.Kinds() {
			subject := s.Append(id, device, kind)
			if !server.SubjectMatchesFilter(subject, config.Subjects[0]) {
				t.Errorf("the stream does not listen on %q", subject)
			}
			public := stored.TransformSubject(subject)
			if public != s.Event(id, device, kind) {
				t.Errorf("%q is stored as %q, want %q", subject, public, s.Event(id, device, kind))
			}
			if !server.SubjectMatchesFilter(public, s.CommandFilter(id)) {
				t.Errorf("filter %q does not cover %q", s.CommandFilter(id), public)
			}
		}
		c := record(id, 1)
		c.DeviceID = device
		if _, err := b.Append(t.Context(), events.KindOf(events.StateRejected), c, 0); err != nil {
			t.Errorf("device %q: %v", device, err)
		}
		if _, err := b.Append(t.Context(), events.KindOf(events.StateAccepted), c, 0); !errors.Is(err, events.ErrLost) {
			t.Errorf("device %q: a second first event: %v, want ErrLost", device, err)
		}
	}
}
