package bus_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// lastBlock gives the last file of the event stream, and what is known of it.
func lastBlock(t *testing.T, dir string) (string, os.FileInfo) {
	t.Helper()
	files := blockFiles(t, dir)
	name := files[len(files)-1]
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return name, info
}

// TestRestartWritesAgain: what a new server goes on from are no files of which the
// system may have taken for written what the disk has not.
func TestRestartWritesAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, small())
	appended(t, b, numbered(1), 1)
	name, before := lastBlock(t, dir)
	leftover := name + ".again"
	if err := os.WriteFile(leftover, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	_, after := lastBlock(t, dir)
	if os.SameFile(before, after) {
		t.Error("the file that the failed server wrote to is still the one that is written to")
	}
	if after.Mode() != before.Mode() || after.Size() != before.Size() {
		t.Errorf("it is %d bytes, %s; was %d, %s", after.Size(), after.Mode(), before.Size(), before.Mode())
	}
	if _, err := os.Stat(leftover); !os.IsNotExist(err) {
		t.Errorf("%s is left, %v", leftover, err)
	}
	until(t, "the first command", func() bool { _, err := b.Latest(within(t), numbered(1)); return err == nil })
	appended(t, b, numbered(2), 1)

	// What cannot be written again is not gone on from.
	if err := os.MkdirAll(filepath.Join(leftover, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(within(t)); err == nil || !strings.Contains(err.Error(), filepath.Base(leftover)) {
		t.Errorf("started on files that could not be written again: %v", err)
	}
	if err := os.RemoveAll(leftover); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	until(t, "the second command", func() bool { _, err := b.Latest(within(t), numbered(2)); return err == nil })
}

// TestStartWritesAgain: a process that ended without a word, or after a failure, may
// have left files that are not on the disk as they read.
func TestStartWritesAgain(t *testing.T) {
	t.Parallel()
	stopped := t.TempDir()
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: stopped})
	if err != nil {
		t.Fatal(err)
	}
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, small())
	appended(t, b, numbered(1), 1)
	killed := filepath.Join(t.TempDir(), "killed")
	copyLive(t, stopped, killed)
	if err := b.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	for name, test := range map[string]struct {
		from string
		// run changes what is said of the last run; nil: nothing is said.
		run   func(map[string]any)
		again bool
	}{
		"stopped":                           {stopped, func(map[string]any) {}, false},
		"killed":                            {killed, func(map[string]any) {}, true},
		"killed before the machine started": {killed, func(run map[string]any) { run["boot"] = "another" }, false},
		"stopped while it had failed":       {stopped, func(run map[string]any) { delete(run, "settled"); run["failed"] = time.Now() }, true},
		"not known":                         {stopped, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "dir")
			copyLive(t, test.from, dir)
			about := filepath.Join(dir, "lastrun.json")
			if test.run == nil {
				if err := os.Remove(about); err != nil {
					t.Fatal(err)
				}
			} else {
				text, err := os.ReadFile(about)
				if err != nil {
					t.Fatal(err)
				}
				var run map[string]any
				if err := json.Unmarshal(text, &run); err != nil {
					t.Fatal(err)
				}
				if test.run(run); run["boot"] == nil && !test.again {
					run["boot"] = "this system does not tell"
				}
				if text, err = json.Marshal(run); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(about, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, before := lastBlock(t, dir)
			server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			if _, after := lastBlock(t, dir); os.SameFile(before, after) == test.again {
				t.Errorf("written again: %t, want %t", !test.again, test.again)
			}
			if _, err := connect(t, bus.Options{Server: server}).Latest(within(t), numbered(1)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestWatchFindsLoss: where the store that a new server finds lacks what was
// acknowledged, nothing is stored and the next process does not start either.
func TestWatchFindsLoss(t *testing.T) {
	t.Parallel()
	for name, witnessed := range map[string]bool{"with a witness": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines lockedBuffer
			dir, file := t.TempDir(), filepath.Join(t.TempDir(), "witness.json")
			server := embedded(t, bus.ServerOptions{Dir: dir})
			b := connect(t, bus.Options{Server: server, Timeout: patience, Log: slog.New(slog.NewTextHandler(&lines, nil))})
			ensure(t, b, small())
			appended(t, b, numbered(1), 1)
			if witnessed {
				if _, err := b.Witness(within(t), file, false); err != nil {
					t.Fatal(err)
				}
			}
			before := filepath.Join(t.TempDir(), "before")
			copyLive(t, filepath.Join(dir, "jetstream"), before)
			appended(t, b, numbered(2), 1)
			watching(t, b, small())

			// Between the end of the old server and the start of the new one.
			files := filepath.Join(dir, "jetstream")
			if err := os.Rename(files, files+".aside"); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := server.LoseJetStream(); err != nil {
				t.Fatal(err)
			}
			until(t, "an attempt", func() bool { return lines.count("could not be started") >= 1 })
			link(t, before, files)
			until(t, "the loss is noticed", func() bool { return lines.count("level=ERROR", "events are missing") >= 1 })
			for range 3 {
				_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(2), 1), 0)
				wantCode(t, err, events.CodeUnavailable)
			}
			if len(b.Troubles()) == 0 {
				t.Error("there is no trouble")
			}
			if err := b.Close(within(t)); err != nil {
				t.Fatal(err)
			}
			server.Stop()
			if err := witness(t, dir, file, false); witnessed && (err == nil || !strings.Contains(err.Error(), "events are missing")) {
				t.Errorf("the next start: %v", err)
			}
		})
	}
}

// TestStartWritesAgainWhat: of a process that was killed, what was written in its last
// minute; longer where syncs were left to an interval; everything if nothing is known.
func TestStartWritesAgainWhat(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lazy, unknown bool
		want          []string
	}{
		"synced each":  {false, false, []string{"3.blk"}},
		"by interval":  {true, false, []string{"2.blk", "3.blk"}},
		"not known":    {false, true, []string{"1.blk", "2.blk", "3.blk"}},
		"not known, 2": {true, true, []string{"1.blk", "2.blk", "3.blk"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			o := bus.ServerOptions{Listen: "127.0.0.1:0", Dir: dir, LazySync: test.lazy}
			server, err := bus.StartServer(o)
			if err != nil {
				t.Fatal(err)
			}
			killed, err := os.ReadFile(filepath.Join(dir, "lastrun.json"))
			if err != nil {
				t.Fatal(err)
			}
			server.Stop()
			// Files of another server than this, with times as if they were of this run.
			files := filepath.Join(dir, "jetstream", "OTHER", "streams", "S", "msgs")
			if err := os.MkdirAll(files, 0o700); err != nil {
				t.Fatal(err)
			}
			before := map[string]os.FileInfo{}
			for name, age := range map[string]time.Duration{"1.blk": time.Hour, "2.blk": 5 * time.Minute, "3.blk": 2 * time.Hour, "index.db": 0} {
				file := filepath.Join(files, name)
				if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(file, time.Time{}, time.Now().Add(-age)); err != nil {
					t.Fatal(err)
				}
				if before[name], err = os.Stat(file); err != nil {
					t.Fatal(err)
				}
			}
			about := filepath.Join(dir, "lastrun.json")
			if err := os.WriteFile(about, killed, 0o600); err != nil {
				t.Fatal(err)
			}
			if test.unknown {
				if err := os.Remove(about); err != nil {
					t.Fatal(err)
				}
			}
			if server, err = bus.StartServer(o); err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			var again []string
			for _, name := range []string{"1.blk", "2.blk", "3.blk"} {
				info, err := os.Stat(filepath.Join(files, name))
				if err != nil {
					t.Fatal(err)
				}
				if !os.SameFile(before[name], info) {
					again = append(again, name)
				}
				if !info.ModTime().Equal(before[name].ModTime()) {
					t.Errorf("%s is said to be of %s, was of %s", name, info.ModTime(), before[name].ModTime())
				}
			}
			if !slices.Equal(again, test.want) {
				t.Errorf("written again: %v, want %v", again, test.want)
			}
		})
	}
}
