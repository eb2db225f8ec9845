package host

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// twoCores gives the cores of a machine that has two at least for this process, as the
// benchmark needs.
func twoCores(t *testing.T) Cores {
	t.Helper()
	if runtime.NumCPU() < 2 {
		t.Skip("this machine has one core, and the benchmark needs two")
	}
	all, err := SplitCores()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAProcessRunsOnTheServersCore(t *testing.T) {
	all := twoCores(t)
	dir := t.TempDir()
	p, err := all.Start(Program{Path: "/bin/sh", Args: []string{"-c", "grep Cpus_allowed_list /proc/self/status; echo $GOMAXPROCS; exec sleep 60"}, Dir: dir, Name: "sh"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	took, err := p.Ready(t.Context(), func(context.Context) error {
		if strings.Count(p.Tail(), "\n") < 1 {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil || took <= 0 {
		t.Fatalf("ready after %s: %v", took, err)
	}
	fields := strings.Fields(p.Tail())
	if last := strconv.Itoa(all.Server); len(fields) != 3 || fields[1] != last || fields[2] != "1" {
		t.Errorf("it runs on %q, want core %s", p.Tail(), last)
	}
	m, err := MemoryOf(p)
	if err != nil || m.Resident <= 0 || m.Anon+m.File > m.Resident {
		t.Errorf("it holds %+v (%v)", m, err)
	}
	if _, err := CPU(p); err != nil {
		t.Error(err)
	}
	p.Stop()
	if p.Alive() {
		t.Error("it is alive after its stop")
	}
	if _, err := all.Start(Program{Path: "/nowhere", Dir: dir, Name: "none"}); err == nil {
		t.Error("what there is not is started")
	}
}

func TestAProcessThatEndsIsNotReady(t *testing.T) {
	all := twoCores(t)
	p, err := all.Start(Program{Path: "/bin/sh", Args: []string{"-c", "echo no; exit 3"}, Dir: t.TempDir(), Name: "sh"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	_, err = p.Ready(t.Context(), func(context.Context) error { return errors.New("never") })
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.HasSuffix(err.Error(), "no") {
		t.Errorf("it is said to be %v", err)
	}
}

func TestWhatTheCoresDid(t *testing.T) {
	begin := time.Now()
	before := Machine{at: begin, cores: map[int]coreTimes{0: {}, 1: {tasks: time.Second, busy: time.Second}}}
	after := Machine{at: begin.Add(2 * time.Second), cores: map[int]coreTimes{
		0: {tasks: time.Second, busy: 1200 * time.Millisecond, steal: 200 * time.Millisecond},
		1: {tasks: 2800 * time.Millisecond, busy: 3 * time.Second},
	}}
	got := after.Since(before, Cores{Server: 1, Generator: []int{0}})
	want := Took{Wall: 2 * time.Second, ServerBusy: 1, GeneratorBusy: .6, Steal: .05, Tasks: 2800 * time.Millisecond}
	if got != want {
		t.Errorf("they did %+v, want %+v", got, want)
	}
	if now, err := Now(); err != nil || len(now.cores) == 0 {
		t.Errorf("cores are %v (%v)", now.cores, err)
	}
	if d, err := FsyncTime(t.TempDir()); err != nil || d <= 0 {
		t.Errorf("a sync takes %s (%v)", d, err)
	}
}
