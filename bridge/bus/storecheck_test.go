package bus_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// begin starts a bridge's store in dir as `serve` does, looks at it and stops it.
func begin(t *testing.T, dir, file string, accept bool, now func() time.Time) error {
	t.Helper()
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: dir, LazySync: true, Witness: file, AcceptLoss: accept, Now: now})
	if err != nil {
		return err
	}
	defer server.Stop()
	b, err := bus.Connect(within(t), bus.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	ensure(t, b, bus.StreamOptions{MaxBytes: smallFiles})
	_, err = b.Witness(within(t), file, accept)
	return errors.Join(b.Close(within(t)), err)
}

// witnessedStore gives a store with events and the text of its witness.
func witnessedStore(t *testing.T) (writings, []byte) {
	t.Helper()
	store := writtenStore(t)
	file := filepath.Join(t.TempDir(), "witness.json")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := begin(t, store.dir, file, true, nil); err != nil { // what there is without a witness
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return store, text
}

// spoiled changes one byte in the middle of a file.
func spoiled(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	text[len(text)/2] ^= 1
	return os.WriteFile(name, text, 0o600)
}

func emptied(name string) error { return os.Truncate(name, 0) }

func halved(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return os.Truncate(name, info.Size()/2)
}

// TestStoreCheck: where a stream that the witness knows of could not be opened, or
// there is no witness beside events, the start is refused before a server changes
// anything, each time, until the loss is taken as known.
func TestStoreCheck(t *testing.T) {
	t.Parallel()
	store, text := witnessedStore(t)
	type spoil = func(dir, file string) error
	account := func(dir string) string { return filepath.Join(dir, "jetstream", "BRIDGE") }
	of := func(stream, name string, do func(string) error) spoil {
		return func(dir, _ string) error { return do(filepath.Join(account(dir), "streams", stream, name)) }
	}
	ofWitness := func(do func(string) error) spoil { return func(_, file string) error { return do(file) } }
	tests := map[string]spoil{
		"account gone":      func(dir, _ string) error { return os.RemoveAll(account(dir)) },
		"streams gone":      func(dir, _ string) error { return os.RemoveAll(filepath.Join(account(dir), "streams")) },
		"store gone":        func(dir, _ string) error { return os.RemoveAll(dir) },
		"witness gone":      ofWitness(os.Remove),
		"witness emptied":   ofWitness(emptied),
		"witness truncated": ofWitness(halved),
		"witness of nothing": ofWitness(func(file string) error {
			return os.WriteFile(file, []byte("{}"), 0o600)
		}),
		"cut behind a spoiled metafile": func(dir, _ string) error {
			block := blockFiles(t, dir)[0]
			return errors.Join(os.Truncate(block, 400), spoiled(filepath.Join(filepath.Dir(filepath.Dir(block)), "meta.inf")))
		},
	}
	for _, stream := range []string{eventStream, "DEVICEBRIDGE_V1_INTAKE", "DEVICEBRIDGE_V1_TIMERS", responseStream, "KV_DEVICEBRIDGE_V1_STATE"} {
		for _, name := range []string{"meta.inf", "meta.sum"} {
			for what, do := range map[string]func(string) error{"spoiled": spoiled, "emptied": emptied, "removed": os.Remove} {
				tests[fmt.Sprintf("%s %s of %s", name, what, stream)] = of(stream, name, do)
			}
		}
		tests["directory of "+stream+" gone"] = of(stream, "", os.RemoveAll)
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, file := store.copied(t, true), filepath.Join(t.TempDir(), "witness.json")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := tests[name](dir, file); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				err := begin(t, dir, file, false, nil)
				if err == nil || !strings.Contains(err.Error(), "BRIDGE_DISPATCH=paused") || !strings.Contains(err.Error(), "quarantine") {
					t.Fatalf("the start says %v", err)
				}
			}
			for _, accept := range []bool{true, false} {
				if err := begin(t, dir, file, accept, nil); err != nil {
					t.Errorf("accepted %t: %v", accept, err)
				}
			}
		})
	}
	t.Run("whole", func(t *testing.T) {
		t.Parallel()
		file := copyOf(t, writeFile(t, text))
		for range 2 {
			if err := begin(t, store.copied(t, true), file, false, nil); err != nil {
				t.Error(err)
			}
		}
		if err := begin(t, t.TempDir(), filepath.Join(t.TempDir(), "witness.json"), false, nil); err != nil {
			t.Errorf("a first start: %v", err)
		}
	})
}

// TestStoreCheckPrefixes: another subject prefix on the same store does not make the
// witness forget the first.
func TestStoreCheckPrefixes(t *testing.T) {
	t.Parallel()
	store, text := witnessedStore(t)
	file := writeFile(t, text)
	other, err := events.NewSubjects("other.v1")
	if err != nil {
		t.Fatal(err)
	}
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: store.dir, Witness: file, Subjects: other})
	if err != nil {
		t.Fatal(err)
	}
	b := connect(t, bus.Options{Server: server, Subjects: other})
	ensure(t, b, bus.StreamOptions{MaxBytes: smallFiles})
	if _, err := b.Witness(within(t), file, false); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if err := os.Truncate(blockFiles(t, store.dir)[0], 400); err != nil {
		t.Fatal(err)
	}
	if _, is := errors.AsType[*bus.DamageError](begin(t, store.dir, file, false, nil)); !is {
		t.Error("the damage is not seen")
	}
}

// TestStoreCheckClock: a start under a clock a day or more ahead of the time at which
// the bridge last ran is refused before events leave by their age, until the clock is
// right, or is taken as right.
func TestStoreCheckClock(t *testing.T) {
	t.Parallel()
	store, text := witnessedStore(t)
	file := writeFile(t, text)
	ahead := func(by time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(by) } }
	for _, by := range []time.Duration{8 * 24 * time.Hour, 24*time.Hour + time.Minute} {
		for range 2 {
			if _, is := errors.AsType[*bus.ClockError](begin(t, store.dir, file, false, ahead(by))); !is {
				t.Errorf("%s ahead is not seen", by)
			}
		}
	}
	for _, by := range []time.Duration{0, 23 * time.Hour, -30 * 24 * time.Hour} {
		if err := begin(t, store.dir, file, false, ahead(by)); err != nil {
			t.Errorf("%s ahead: %v", by, err)
		}
	}
	if err := begin(t, store.dir, file, true, ahead(48*time.Hour)); err != nil {
		t.Errorf("taken as right: %v", err)
	}
}

// TestStoreCheckNoted: the time that is noted goes on without events, and is by the
// clock of the start.
func TestStoreCheckNoted(t *testing.T) {
	t.Parallel()
	_, text := witnessedStore(t)
	var said struct{ Noted time.Time }
	if err := json.Unmarshal(text, &said); err != nil || time.Since(said.Noted).Abs() > time.Hour {
		t.Errorf("noted is %s, %v", said.Noted, err)
	}
}

// TestServerRestartClock: a server that failed is not started again inside the process
// while the clock is a day or more ahead of what it was.
func TestServerRestartClock(t *testing.T) {
	t.Parallel()
	var ahead time.Duration
	server := embedded(t, bus.ServerOptions{Dir: t.TempDir(), Now: func() time.Time { return time.Now().Add(ahead) }})
	ahead = 8 * 24 * time.Hour
	if _, is := errors.AsType[*bus.ClockError](server.Restart(within(t))); !is {
		t.Error("it was started under a clock that is eight days ahead")
	}
	ahead = 0
	if err := server.Restart(within(t)); err != nil {
		t.Error(err)
	}
}

func writeFile(t *testing.T, text []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "witness.json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
