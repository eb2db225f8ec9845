package bus_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// witness reads the store in dir through, as a bridge does that starts.
func witness(t *testing.T, dir, file string, accept bool) error {
	t.Helper()
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	b, err := bus.Connect(within(t), bus.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Witness(within(t), file, accept)
	return errors.Join(b.Close(within(t)), err)
}

// TestWitness: whatever a flipped bit costs the store of events, the next start
// sees it, says what is missing and goes on only when told to.
func TestWitness(t *testing.T) {
	t.Parallel()
	store := writtenStore(t)
	kept := filepath.Join(t.TempDir(), "witness.json")
	if err := witness(t, store.copied(t, true), kept, false); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(kept)
	if err != nil || !strings.Contains(string(text), fmt.Sprintf(`"last":%d`, store.last())) {
		t.Fatalf("the witness says %s, %v", text, err)
	}
	places := map[string]int{"length": 0, "sequence": 4, "subject": 60, "body": -40, "checksum": -3}
	for place, at := range places {
		for _, indexed := range []bool{true, false} {
			for _, seq := range []uint64{1, 62, store.last()} {
				t.Run(fmt.Sprintf("%s at %d, indexed %t", place, seq, indexed), func(t *testing.T) {
					t.Parallel()
					file := filepath.Join(t.TempDir(), "witness.json")
					if err := os.WriteFile(file, text, 0o600); err != nil {
						t.Fatal(err)
					}
					dir := store.copied(t, indexed)
					damage(t, dir, seq, at)
					err := witness(t, dir, file, false)
					found, ok := errors.AsType[*bus.DamageError](err)
					if !ok || len(found.Missing) == 0 {
						t.Fatalf("the damage is not seen: %v", err)
					}
					if err := witness(t, dir, file, false); !errors.As(err, &found) {
						t.Errorf("it is seen once only: %v", err)
					}
					if err := witness(t, dir, file, true); err != nil {
						t.Errorf("a loss that is known: %v", err)
					}
					if err := witness(t, dir, file, false); err != nil {
						t.Errorf("after it is known: %v", err)
					}
				})
			}
		}
	}
	for _, indexed := range []bool{true, false} {
		if err := witness(t, store.copied(t, indexed), kept, false); err != nil {
			t.Errorf("undamaged, indexed %t: %v", indexed, err)
		}
	}
}

// TestWitnessFollows: an older store put in the place of a newer one is seen, a
// newer one, a new one and events that left by their age are not taken for damage.
func TestWitnessFollows(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "witness.json")
	server := embedded(t, bus.ServerOptions{Dir: dir})
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, bus.StreamOptions{MaxAge: 500 * time.Millisecond})
	w, err := b.Witness(within(t), file, false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(i), 1), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Note(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Witness(within(t), file, false); err != nil {
		t.Errorf("nothing happened: %v", err)
	}
	_, js := insider(t, server)
	stream, err := js.Stream(within(t), eventStream)
	if err != nil {
		t.Fatal(err)
	}
	for info := stream.CachedInfo(); info.State.Msgs > 0; {
		if info, err = stream.Info(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Witness(within(t), file, false); err != nil {
		t.Errorf("events left by their age: %v", err)
	}
	// They left under the limit of then, not under a longer one of now.
	ensure(t, b, bus.StreamOptions{MaxAge: time.Hour})
	if _, err := b.Witness(within(t), file, false); err != nil {
		t.Errorf("the age limit was raised: %v", err)
	}
	if err := js.DeleteStream(within(t), eventStream); err != nil {
		t.Fatal(err)
	}
	ensure(t, b, bus.StreamOptions{})
	w, err = b.Witness(within(t), file, false)
	if err != nil {
		t.Errorf("a new stream: %v", err)
	}
	appended(t, b, numbered(0), 1)
	if err := w.Note(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(within(t), eventStream); err != nil {
		t.Fatal(err)
	}
	ensure(t, b, bus.StreamOptions{})
	_, err = b.Witness(within(t), file, false)
	if found, is := errors.AsType[*bus.DamageError](err); !is || len(found.Missing) == 0 {
		t.Errorf("a new stream in the place of one with events: %v", err)
	}
	for _, accept := range []bool{true, false} {
		if _, err := b.Witness(within(t), file, accept); err != nil {
			t.Errorf("a new stream, which is known: %v", err)
		}
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Witness(within(t), file, false); err == nil || !strings.Contains(err.Error(), "remove "+file) {
		t.Errorf("a witness that cannot be read: %v", err)
	}
}

// TestWitnessNotWritten: what could not be noted is noted later, though nothing is new.
func TestWitnessNotWritten(t *testing.T) {
	t.Parallel()
	server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, small())
	file := filepath.Join(t.TempDir(), "witness.json")
	w, err := b.Witness(within(t), file, false)
	if err != nil {
		t.Fatal(err)
	}
	appended(t, b, numbered(1), 1)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(file, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Note(within(t)); err == nil {
			t.Error("noted where nothing can be")
		}
	}
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
	if err := w.Note(within(t)); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), `"last":1`) {
		t.Errorf("the witness says %s, %v", text, err)
	}
}
