package bus_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestReadBlocks: the files of a store that is whole show that it is. If this fails
// after an update of the NATS server, its files have another form: start-up is still
// right, and slow.
func TestReadBlocks(t *testing.T) {
	t.Parallel()
	store := writtenStore(t)
	for _, indexed := range []bool{true, false} {
		whole, marked, err := bus.ReadBlocks(t.Context(), msgs(t, store.copied(t, indexed)), eventStream, ".executing")
		if err != nil || !slices.Equal(whole, [][2]uint64{{1, store.last()}}) || len(marked) != 2*written {
			t.Errorf("indexed %t: the files hold %v, %d marked, %v", indexed, whole, len(marked), err)
		}
	}
	// A bit of anything else than the length of the headers cannot hide; wherever one
	// is flipped, the files do not show that they are whole.
	for at := range 300 {
		t.Run(fmt.Sprint("bit at ", at), func(t *testing.T) {
			t.Parallel()
			dir := store.copied(t, true)
			damage(t, dir, 62, at)
			whole, _, err := bus.ReadBlocks(t.Context(), msgs(t, dir), eventStream, ".executing")
			if err == nil && slices.Equal(whole, [][2]uint64{{1, store.last()}}) && !ofHeaderLength(at) {
				t.Error("the damage does not show")
			}
		})
	}
}

// ofHeaderLength reports whether a place in an event is in the four bytes of the
// length of its headers, which no checksum covers, NATS' own neither.
func ofHeaderLength(at int) bool {
	subject := 22 + len(events.Subjects{}.Event(numbered(20), "device", events.KindOf(events.StateExecuting)))
	return at >= subject && at < subject+4
}

func msgs(t *testing.T, dir string) string {
	t.Helper()
	return filepath.Dir(blockFiles(t, dir)[0])
}

// TestWitnessReadsFiles: a start on a store that is whole asks NATS for no event.
func TestWitnessReadsFiles(t *testing.T) {
	t.Parallel()
	store := writtenStore(t)
	dir := store.copied(t, true)
	server := embedded(t, bus.ServerOptions{Dir: dir})
	b := connect(t, bus.Options{Server: server})
	nc, js := insider(t, server)
	asked, err := nc.SubscribeSync("$JS.API.CONSUMER.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "witness.json")
	if _, err := b.Witness(within(t), file, false); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if msg, err := asked.NextMsg(10 * time.Millisecond); err == nil {
		t.Errorf("it asks %s", msg.Subject)
	}
	// What the files do not show, NATS may: an event was deleted behind the bridge's back.
	stream, err := js.Stream(within(t), eventStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(within(t), 40); err != nil {
		t.Fatal(err)
	}
	_, err = b.Witness(within(t), file, false)
	if found, ok := errors.AsType[*bus.DamageError](err); !ok || strings.Join(found.Missing, " ") != "40" {
		t.Errorf("a deleted event: %v", err)
	}
}

// TestEachOpenWithoutFiles: where the files cannot be read, a sweep finds what NATS
// still gives.
func TestEachOpenWithoutFiles(t *testing.T) {
	t.Parallel()
	store := writtenStore(t)
	opened := func(dir string) (list []string) {
		b := connect(t, bus.Options{Server: embedded(t, bus.ServerOptions{Dir: dir})})
		if err := b.EachOpen(within(t), time.Now().Add(-time.Hour), func(id string, _ time.Time, _ bool) error { list = append(list, id); return nil }); err != nil {
			t.Fatal(err)
		}
		return list
	}
	all := opened(store.copied(t, true))
	if len(all) != written {
		t.Fatalf("%d of %d commands are open", len(all), written)
	}
	for _, seq := range []uint64{4, 61, store.last() - 2} { // each opens a command
		dir := store.copied(t, true)
		damage(t, dir, seq, -40)
		without := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return id == numbered(int(seq-1)/3) })
		if got := opened(dir); !slices.Equal(got, without) {
			t.Errorf("event %d is damaged: %d commands are open, want all but its own", seq, len(got))
		}
	}
}
