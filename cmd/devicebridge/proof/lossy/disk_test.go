package lossy

import (
	"bytes"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// file makes a file with content, and has all of it on the disk.
func (d *Disk) file(t *testing.T, name, content string) *node {
	t.Helper()
	n := d.makeNode(syscall.S_IFREG | 0o600)
	d.enter(d.root, name, n)
	d.write(n, 0, []byte(content))
	if _, err := d.sync(n, 0); err != 0 {
		t.Fatal(err)
	}
	return n
}

func pages(letters string) string {
	var s strings.Builder
	for _, l := range letters {
		s.WriteString(strings.Repeat(string(l), pageSize))
	}
	return s.String()
}

// TestSynced: what was synced outlives every cut, with its name; what was not may be
// lost.
func TestSynced(t *testing.T) {
	losses := 0
	for seed := range uint64(50) {
		d := New(seed)
		n := d.file(t, "kept", pages("ab"))
		d.write(n, 0, []byte(pages("x")))
		d.enter(d.root, "lost", d.makeNode(syscall.S_IFREG|0o600))
		d.Cut()
		kept := d.root.seen["kept"]
		if kept == nil || len(kept.data) != 2*pageSize || !bytes.HasSuffix(kept.data, []byte(pages("b"))) {
			t.Fatalf("seed %d: what was synced is lost", seed)
		}
		for sector := range slices.Chunk(kept.data[:pageSize], sectorSize) {
			if s := string(sector); s != strings.Repeat("a", sectorSize) && s != strings.Repeat("x", sectorSize) {
				t.Fatalf("seed %d: a sector is %q", seed, sector)
			}
		}
		if d.root.seen["lost"] == nil {
			losses++
		}
	}
	if losses == 0 || losses == 50 {
		t.Errorf("of 50 files that were not synced %d are lost", losses)
	}
}

// TestFailedSync: its pages are clean, so that programs see what the disk never gets.
func TestFailedSync(t *testing.T) {
	d := New(1)
	n := d.file(t, "file", pages("a"))
	d.Fail(Fault{Sync: syscall.ENOSPC})
	d.write(n, pageSize, []byte(pages("b")))
	failures, err := d.sync(n, 0)
	if err != syscall.ENOSPC {
		t.Fatalf("it failed with %v", err)
	}
	if _, err := d.sync(n, failures); err != 0 {
		t.Errorf("with nothing to write it fails again: %v", err)
	}
	d.Fail(Fault{})
	if _, err := d.sync(n, 0); err == 0 {
		t.Error("somebody else who has the file open is not told")
	}
	d.write(n, 2*pageSize, []byte(pages("c")))
	if _, err := d.sync(n, failures); err != 0 {
		t.Errorf("a later sync fails: %v", err)
	}
	if string(n.data) != pages("abc") {
		t.Error("programs do not see what they wrote")
	}
	d.Cut()
	if got := string(d.root.seen["file"].data); got != pages("a\x00c") {
		t.Errorf("the disk has %q", slices.Compact([]byte(got)))
	}
}

// TestRenamed: a rename is there whole or not at all, and never before what was done
// to names before it.
func TestRenamed(t *testing.T) {
	for seed := range uint64(50) {
		d := New(seed)
		old := d.file(t, "file", "old")
		n := d.makeNode(syscall.S_IFREG | 0o600)
		d.enter(d.root, "new", n)
		d.write(n, 0, []byte("new"))
		if _, err := d.sync(n, 0); err != 0 {
			t.Fatal(err)
		}
		if err := d.rename(d.root, d.root, "new", "file"); err != 0 {
			t.Fatal(err)
		}
		d.enter(d.root, "later", d.makeNode(syscall.S_IFREG|0o600))
		d.Cut()
		names := d.root.seen
		switch {
		case names["file"] == old && names["new"] == n && names["later"] == nil:
		case names["file"] == n && names["new"] == nil:
		default:
			t.Errorf("seed %d: %v", seed, names)
		}
	}
}
