package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
	"devicebridge/webhook"
)

func TestKeysNew(t *testing.T) {
	printed := cliOK(t, nil, "keys", "new", "--id", "winter")
	ring, err := webhook.ParseKeyring(printed)
	if err != nil || strings.Join(ring.IDs(), " ") != "winter" || strings.Count(printed, "\n") != 1 {
		t.Fatalf("%v of %d bytes, %v", ring, len(printed), err)
	}
	if again := cliOK(t, nil, "keys", "new", "--id", "winter"); again == printed {
		t.Error("the same key twice")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "deep", "keys")
	for i, want := range []string{"one", "two one", "three two one"} {
		id, _, _ := strings.Cut(want, " ")
		out := cliOK(t, nil, "keys", "new", "--id", id, "--file", file)
		if !strings.HasSuffix(out, " has the keys "+want+"; the first signs\n") {
			t.Errorf("step %d says %q", i, out)
		}
		ring, err := readKeys(file)
		info, _ := os.Stat(file)
		if err != nil || strings.Join(ring.IDs(), " ") != want || info.Mode() != 0o600 {
			t.Errorf("step %d: %v, %v, %v", i, ring, err, info.Mode())
		}
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	cliOK(t, nil, "keys", "new", "--file", link)
	if target, err := os.Readlink(link); err != nil || target != file {
		t.Errorf("the link is %q now, %v", target, err)
	}
	before, _ := os.ReadFile(file)
	for words, args := range map[string][]string{
		"--id: its key id is not 1 to 32 of":                    {"--id", "a.b"},
		"has the key id of callback key 1: nothing was changed": {"--id", "three", "--file", file},
	} {
		r := cliRun(t, nil, append([]string{"keys", "new"}, args...)...)
		if r.code == exitOK || !strings.Contains(r.stderr, words) {
			t.Errorf("%v: exit %d, %q", args, r.code, r.stderr)
		}
	}
	if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
		t.Error("a refused key changed the file")
	}
	broken := cliFile(t, "broken", "k1:s3cret")
	if r := cliRun(t, nil, "keys", "new", "--file", broken); r.code != exitFailure || !strings.Contains(r.stderr, "nothing was changed") || strings.Contains(r.stderr, "s3cret") {
		t.Errorf("exit %d, %q", r.code, r.stderr)
	}
}

// A file that is mounted by itself cannot be replaced: the system says that it is busy.
// It is written where it is, so that a process that has it open reads the new keys.
func TestKeysNewInAMountedFile(t *testing.T) {
	for name, refusal := range map[string]error{"busy": syscall.EBUSY, "another file system": syscall.EXDEV, "no new files": syscall.EACCES} {
		file := cliFile(t, "keys", "\n") // as it is made to be mounted
		mounted, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = mounted.Close() })
		for i, want := range []string{"one", "two one", "three two one"} {
			id, _, _ := strings.Cut(want, " ")
			_, secret, _ := strings.Cut(webhook.NewKey(), ":")
			ring, err := addKeyBy(file, id+":"+secret, func(from, to string) error {
				return &os.LinkError{Op: "rename", Old: from, New: to, Err: refusal}
			})
			if err != nil || strings.Join(ring.IDs(), " ") != want {
				t.Fatalf("%s, step %d: %v, %v", name, i, ring, err)
			}
			text, err := io.ReadAll(io.NewSectionReader(mounted, 0, 1<<20))
			if err != nil {
				t.Fatal(err)
			}
			ring, err = webhook.ParseKeyring(string(text))
			if err != nil || strings.Join(ring.IDs(), " ") != want {
				t.Errorf("%s, step %d: who has it open reads %v, %v", name, i, ring, err)
			}
		}
		if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
			t.Errorf("%s: left behind: %v, %v", name, left, err)
		}
	}
}

func TestCheckKey(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	soon, past := now.Add(time.Hour), now.Add(-time.Hour)
	keys := keyView([]string{"k3", "k2", "k1"}, keyNeeds{Unnoted: past, Until: map[string]time.Time{"k3": soon, "k2": soon, "k1": past, "k0": soon}}, now)
	for id, want := range map[string]string{
		"k3": "k3 signs callbacks: put a new key before it first", "k2": "callbacks under k2 may come until 2026-11-25T13:00:00Z",
		"k1": "k1 can go", "k0": "callbacks under k0 may come until", "k9": "the bridge has no key k9",
	} {
		var out bytes.Buffer
		err := checkKey(&out, keys, id, now)
		got := out.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) || (err == nil) != (id == "k1" || id == "k9") {
			t.Errorf("%s: %q, %v", id, got, err)
		}
	}
	var out bytes.Buffer
	if err := writeKeys(&out, keys); err != nil {
		t.Fatal(err)
	}
	want := "KEY  USE       NEEDED UNTIL\nk3   signs     2026-11-25T13:00:00Z\nk2   verifies  2026-11-25T13:00:00Z\nk1   verifies  -\nk0   MISSING   2026-11-25T13:00:00Z\n"
	if out.String() != want {
		t.Errorf("the table is\n%swant\n%s", &out, want)
	}
}

// TestKeysOfARunningBridge adds a key to the file of the embedded bridge, and takes
// the old one out too early, without a restart.
func TestKeysOfARunningBridge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := cliStartWith(t, emulator.Options{}, map[string]string{"BRIDGE_DATA_DIR": dir})
	file := filepath.Join(dir, "callback-keys")
	ids := func() []string {
		var list []string
		for _, k := range cliJSON[events.CallbackKeysReply](t, b.ok("keys", "check", "--json")).Keys {
			list = append(list, k.ID)
		}
		return list
	}
	old := ids()[0]
	callback := cliField(t, b.ok("callback"), "callback")
	b.fails(exitFailure, old+" signs callbacks: put a new key before it first", "keys", "check", old)

	cliOK(t, nil, "keys", "new", "--id", "fresh", "--file", file)
	for tick := time.NewTicker(50 * time.Millisecond); len(ids()) < 2; <-tick.C { // it is read again within seconds
	}
	if status := cliPost(t, callback, `{"status":"executing"}`); status != http.StatusAccepted {
		t.Errorf("the old callback in the overlap: %d", status)
	}
	ring, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fresh, _, _ := strings.Cut(string(ring), "\n")
	cliReplace(t, file, fresh+"\n")
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\ncallbackKeys: callbacks may come under keys that this bridge does not have ("+old+" until ")
	if status := cliPost(t, callback, `{"status":"completed"}`); status != http.StatusNotFound {
		t.Errorf("the old callback without its key: %d", status)
	}
	b.fails(exitFailure, "callbacks under "+old+" may come until ", "keys", "check", old)
	if table := b.ok("keys", "check"); !strings.Contains(table, "MISSING") || !strings.Contains(table, "fresh") {
		t.Errorf("the table is %s", table)
	}
	cliReplace(t, file, string(ring))
	cliUntil(t, b.admin+"/metrics", http.StatusOK, "\ndevicebridge_degraded{condition=\"callbackKeys\"} 0\n")
	if status := cliPost(t, callback, `{"status":"completed"}`); status != http.StatusAccepted {
		t.Errorf("the old callback with its key put back: %d", status)
	}
}
