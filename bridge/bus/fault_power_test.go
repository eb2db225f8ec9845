package bus_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestFaultPowerCut copies the files of a server, whose default is to sync every
// append, while it appends, as a disk would be found after a power cut. A server
// on the copy has every event that was acknowledged before the copy began, and
// commands without gaps. What this cannot show is that the disk has what the
// server synced: the copy is read through the page cache.
func TestFaultPowerCut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, small())
	w := writing(t, b)
	for cut := range 5 {
		w.more(t, 200)
		before := w.acknowledged()
		copied := filepath.Join(t.TempDir(), "copy")
		copyLive(t, dir, copied)
		w.more(t, 1) // it went on all the time
		if lost := missing(t, copied, before); len(lost) > 0 {
			t.Errorf("cut %d: of %d acknowledged events are lost: %v", cut, len(before), lost)
		}
		if cut > 0 {
			continue
		}
		// The control: a copy without its last bytes has lost something.
		files := blockFiles(t, copied)
		last := files[len(files)-1]
		info, err := os.Stat(last)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(last, info.Size()/2); err != nil {
			t.Fatal(err)
		}
		if len(missing(t, copied, before)) == 0 {
			t.Error("a store cut in half passes for a whole one")
		}
	}
	w.stop()
}

// writers append commands of four events each, one after the other.
type writers struct {
	stop func()
	told chan struct{} // one for each acknowledgement, while somebody waits

	mu    sync.Mutex
	acked map[uint64]string // sequence to record
}

func writing(t *testing.T, b *bus.Bus) *writers {
	t.Helper()
	w := &writers{told: make(chan struct{}), acked: make(map[uint64]string)}
	done := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				id, last := events.RandomCommandID(), uint64(0)
				for n := range lifetime {
					kind, c := events.Kinds()[n], record(id, n+1)
					seq, err := b.Append(t.Context(), kind, c, last)
					if err != nil {
						t.Error(err)
						return
					}
					last = seq
					w.mu.Lock()
					w.acked[seq] = eventText(t, kind, c)
					w.mu.Unlock()
					select {
					case <-done:
						return
					case w.told <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	w.stop = sync.OnceFunc(func() { close(done); all.Wait() })
	t.Cleanup(w.stop)
	return w
}

// more waits for so many further acknowledgements.
func (w *writers) more(t *testing.T, n int) {
	t.Helper()
	for range n {
		receive(t, "acknowledgement", w.told)
	}
}

func (w *writers) acknowledged() map[uint64]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.acked)
}

// copyLive copies the files of a server that runs; what it takes away meanwhile,
// such as a file it writes under another name first, is not copied.
func copyLive(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// missing starts a server on dir and gives the sequences of want that it has not
// or has otherwise. It fails for a command with a gap.
func missing(t *testing.T, dir string, want map[uint64]string) (lost []uint64) {
	t.Helper()
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, small())
	got, n := make(map[uint64]string), make(map[string]int)
	err = b.Follow(within(t), bus.FollowOptions{All: true, Latest: true}, func(e events.Stored) error {
		got[e.Sequence] = eventText(t, e.Kind, e.Command)
		if n[e.Command.ID]++; n[e.Command.ID] != e.Command.Sequence {
			t.Errorf("event %d of %s has n = %d", n[e.Command.ID], e.Command.ID, e.Command.Sequence)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for seq, text := range want {
		if got[seq] != text {
			lost = append(lost, seq)
		}
	}
	return lost
}
