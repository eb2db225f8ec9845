//go:build linux

package bus_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// smallDisk is given by TestFullDisk to its child.
var smallDisk = flag.String("small-disk", "", "directory to mount a small file system on, for the child of TestFullDisk")

// notAllowed is in the words of a child that may not mount.
const notAllowed = "mount: operation not permitted"

// TestFullDisk fills the disk under the embedded server for real. It runs in a
// child with a mount namespace of its own, which needs no privileges where user
// namespaces are allowed, as they are on Linux unless somebody forbids them. Where
// that is so, as in some containers, a small disk cannot be had at all, and the
// test is left out; any other failure to get one fails it.
func TestFullDisk(t *testing.T) {
	if *smallDisk != "" {
		fullDisk(t, *smallDisk)
		return
	}
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=^TestFullDisk$", "-test.v", "-test.timeout=5m", "-small-disk="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := child.CombinedOutput()
	// Forbidden by a security module or a seccomp filter, or by their limit of 0.
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || strings.Contains(string(out), notAllowed) {
		t.Skipf("this machine forbids user namespaces, so that there is no small disk to fill: %v\n%s", err, out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFullDisk") {
		t.Errorf("%v\n%s", err, out)
	}
}

// outcomes are what became of appends: a command is acknowledged, or its append
// gave an error and it may be stored or not.
type outcomes struct {
	mu           sync.Mutex
	acknowledged []string
	refused      []string
}

// append appends the first event of a new command, of about a KiB.
func (o *outcomes) append(t *testing.T, b *bus.Bus) bool {
	t.Helper()
	id := events.RandomCommandID()
	c := record(id, 1)
	c.Payload = []byte(`"` + strings.Repeat("x", 1<<10) + `"`)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := b.Append(ctx, events.KindOf(events.StateAccepted), c, 0)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		wantCode(t, err, events.CodeUnavailable)
		o.refused = append(o.refused, id)
		return false
	}
	o.acknowledged = append(o.acknowledged, id)
	return true
}

// check fails unless everything acknowledged can be read.
func (o *outcomes) check(t *testing.T, b *bus.Bus, when string) {
	t.Helper()
	lost := 0
	for _, id := range o.acknowledged {
		if _, err := b.Latest(within(t), id); err != nil {
			lost++
		}
	}
	t.Logf("%s: %d acknowledged, %d of them lost, %d refused", when, len(o.acknowledged), lost, len(o.refused))
	if lost > 0 {
		t.Errorf("%s: %d of %d acknowledged events are lost", when, lost, len(o.acknowledged))
	}
}

func fullDisk(t *testing.T, dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatalf("mount: %v", err)
	}
	var lines lockedBuffer
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: filepath.Join(dir, "nats")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	b := connect(t, bus.Options{Server: server, Timeout: patience, Log: slog.New(slog.NewTextHandler(&lines, nil))})
	streams := bus.StreamOptions{MaxStore: server.MaxStore()}
	ensure(t, b, streams)
	_, js := insider(t, server)
	delivered := make(chan string, 10_000)
	consuming(t, b, b.DispatchWork(time.Minute, 2, func(_ context.Context, d bus.Delivery) bus.Disposition {
		e, err := d.Stored()
		if err != nil {
			t.Error(err)
			return bus.Done()
		}
		delivered <- e.Command.ID
		return bus.Done()
	}))
	watching(t, b, streams)

	var o outcomes
	for range 500 {
		if !o.append(t, b) {
			t.Fatal("refused with space on the disk")
		}
	}
	ballast := filepath.Join(dir, "ballast")
	fillDisk(t, ballast)
	for o.append(t, b) {
	}
	if !server.Doubted() { // Watch may not have looked yet
		t.Error("what cannot be written is noticed by Watch alone, and may be read until then")
	}
	until(t, "the failed store is noticed", func() bool { return lines.count("level=ERROR", "trouble=storeFailed", "no space left") == 1 })
	until(t, "the full disk is noticed", func() bool { return lines.count("level=WARN", "trouble=storageFull", "free on the disk") == 1 })
	for range 10 {
		if o.append(t, b) {
			t.Error("acknowledged by a server that cannot write")
		}
	}
	if usage := b.Usage(within(t)); usage != 1 {
		t.Errorf("usage %.2f with a full disk", usage)
	}
	o.check(t, b, "with a full disk")
	if lines.count("level=INFO", "was started anew") > 0 {
		t.Errorf("started anew with a full disk:\n%s", &lines)
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "an append after there is space", func() bool { return o.append(t, b) })
	untilCalm(t, b)
	for range 100 {
		o.append(t, b)
	}
	o.check(t, b, "with space again")
	lines.wantToldOnce(t, "ERROR", bus.StoreFailed)
	lines.wantToldOnce(t, "WARN", bus.StorageFull)
	if n := lines.count("trouble="); n != 4 {
		t.Errorf("%d lines on troubles, want the beginning and the end of two:\n%s", n, &lines)
	}
	if lines.count("level=INFO", "was started anew") != 1 {
		t.Errorf("want one line on the new server:\n%s", &lines)
	}

	// The consumer sees everything, and nothing that is not stored.
	missing := map[string]bool{}
	for _, id := range o.acknowledged {
		missing[id] = true
	}
	for len(missing) > 0 {
		delete(missing, receive(t, "delivery of what was acknowledged", delivered))
	}
	stored := messages(t, js, b.Subjects().EventStream())
	if most := len(o.acknowledged) + len(o.refused); stored < uint64(len(o.acknowledged)) || stored > uint64(most) {
		t.Errorf("%d events stored, want %d to %d", stored, len(o.acknowledged), most)
	}
}

// fillDisk writes a file until nothing fits any more.
func fillDisk(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, size := range []int{64 << 10, 512} {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, size))
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
