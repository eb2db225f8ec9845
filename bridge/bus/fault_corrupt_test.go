package bus_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestFaultDamagedFile flips one bit of a stored event while the server is
// stopped. NATS 2.15.2 starts all the same and logs nothing, and what it then
// does depends on where the bit is and on whether its index of the files was
// written, at a stop or by the two-minute timer, or has to be made anew:
//
//   - it leaves the event out of every answer;
//   - it throws away the rest of the file from that event on, acknowledged events
//     among them, so that a command may be found at an older event;
//   - it takes a command whose latest event is left out for one without events,
//     so that a first event of it is stored once more.
//
// It never gives an event changed. And the loss always shows, to who looks for
// it: events leave their stream at its beginning and by their age only, so that
// one with a gap, or with a beginning or an end that is not where it was, is
// damaged, and has to be treated as restored from an old backup.
func TestFaultDamagedFile(t *testing.T) {
	t.Parallel()
	store := writtenStore(t)
	// From the beginning of the record or, if negative, from its end.
	places := map[string]int{"length": 0, "sequence": 4, "time": 12, "subject": 60, "headers": 200, "body": -40, "checksum": -3}
	for place, at := range places {
		for _, indexed := range []bool{true, false} {
			for _, seq := range []uint64{1, 62, 63, store.last() - 1} {
				t.Run(fmt.Sprintf("%s at %d, indexed %t", place, seq, indexed), func(t *testing.T) {
					t.Parallel()
					dir := store.copied(t, indexed)
					damage(t, dir, seq, at)
					got, state := survey(t, dir)
					if _, there := got[seq]; there {
						t.Error("the damaged event is given")
					}
					for other, text := range got {
						if text != store.events[other] {
							t.Errorf("event at %d is read as\n%s, want\n%s", other, text, store.events[other])
						}
					}
					if !damaged(got, state, store.last()) {
						t.Errorf("%d of %d events are there, and nothing shows it: %+v", len(got), len(store.events), state)
					}
				})
			}
		}
	}
	// The control: the same store and the same look at it without damage.
	for _, indexed := range []bool{true, false} {
		t.Run(fmt.Sprintf("undamaged, indexed %t", indexed), func(t *testing.T) {
			t.Parallel()
			got, state := survey(t, store.copied(t, indexed))
			for seq, want := range store.events {
				if got[seq] != want {
					t.Errorf("event at %d is read as\n%s, want\n%s", seq, got[seq], want)
				}
			}
			if damaged(got, state, store.last()) {
				t.Errorf("it counts as damaged: %d events, %+v", len(got), state)
			}
		})
	}
}

// damaged is how a loss shows while no event is old enough to leave, to who
// knows the last sequence there was.
func damaged(got map[uint64]string, state jetstream.StreamState, last uint64) bool {
	return state.FirstSeq != 1 || state.LastSeq != last || uint64(len(got)) != last
}

// writings is a stopped store and what was acknowledged into it.
type writings struct {
	dir    string
	events map[uint64]string // sequence to record
}

const (
	// smallFiles is a size of stream for which the server makes .blk files of
	// 32,000 bytes, its least.
	smallFiles = 126_000
	// written is how many commands of three events are stored: several files.
	written = 40
)

func writtenStore(t *testing.T) writings {
	t.Helper()
	w := writings{dir: t.TempDir(), events: make(map[uint64]string)}
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: w.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, bus.StreamOptions{MaxBytes: smallFiles})
	for i := range written {
		var last uint64
		for n := range 3 {
			kind, c := events.KindOf(events.StateAccepted), record(numbered(i), n+1)
			if n > 0 {
				kind = events.KindOf(events.StateExecuting)
			}
			if last, err = b.Append(within(t), kind, c, last); err != nil {
				t.Fatal(err)
			}
			w.events[last] = eventText(t, kind, c)
		}
	}
	if files := blockFiles(t, w.dir); len(files) < 3 {
		t.Fatalf("the events are in %v, want several files", files)
	}
	if err := b.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w writings) last() uint64 { return uint64(len(w.events)) }

// copied gives a directory with the same files, with or without the index.
func (w writings) copied(t *testing.T, indexed bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	if !indexed {
		if err := os.Remove(filepath.Join(filepath.Dir(blockFiles(t, dir)[0]), "index.db")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// survey starts a server on dir and reads the event at every sequence; the state
// of the stream is that of the start. What the bus then says is the latest event
// of a command has to be one that is there.
func survey(t *testing.T, dir string) (map[uint64]string, jetstream.StreamState) {
	t.Helper()
	server := embedded(t, bus.ServerOptions{Dir: dir})
	b := connect(t, bus.Options{Server: server})
	_, js := insider(t, server)
	stream, err := js.Stream(within(t), eventStream)
	if err != nil {
		t.Fatal(err)
	}
	state, got := stream.CachedInfo().State, make(map[uint64]string)
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		msg, err := stream.GetMsg(within(t), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			t.Fatalf("event at %d: %v", seq, err)
		}
		kind, c, err := events.Decode(msg.Header, msg.Data)
		if err != nil {
			t.Fatalf("event at %d: %v", seq, err)
		}
		got[seq] = eventText(t, kind, c)
	}
	for i := range written {
		latest, err := b.Latest(within(t), numbered(i))
		switch {
		case events.HasCode(err, events.CodeNotFound):
		case err != nil:
			t.Errorf("latest of command %d: %v", i, err)
		case latest.Command.ID != numbered(i) || eventText(t, latest.Kind, latest.Command) != got[latest.Sequence]:
			t.Errorf("latest of command %d is %s, at %d there is %s", i, eventText(t, latest.Kind, latest.Command), latest.Sequence, got[latest.Sequence])
		}
	}
	return got, state
}

func eventText(t *testing.T, kind events.Kind, c events.Command) string {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(kind) + " " + string(text)
}
