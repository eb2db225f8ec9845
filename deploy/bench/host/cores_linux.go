package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Cores are the cores of one run: one for what is measured, the others for what
// measures.
type Cores struct {
	Server    int
	Generator []int
}

// SplitCores gives the last core that this process may use to what is measured.
func SplitCores() (Cores, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return Cores{}, fmt.Errorf("the cores of this process: %w", err)
	}
	var all []int
	for core := 0; len(all) < set.Count(); core++ {
		if set.IsSet(core) {
			all = append(all, core)
		}
	}
	if len(all) < 2 {
		return Cores{}, errors.New("this process may use one core only; load generator and server need one each")
	}
	return Cores{Server: all[len(all)-1], Generator: all[:len(all)-1]}, nil
}

// PinSelf keeps this process to the generator's cores. Threads that start later
// inherit that; those that start while it looks are caught by looking again.
func (c Cores) PinSelf() error {
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("the threads of this process: %w", err)
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				continue
			}
			set := setOf(c.Generator)
			if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("pin thread %d: %w", id, err)
			}
		}
	}
	runtime.GOMAXPROCS(len(c.Generator))
	return nil
}

// start starts cmd on the server's core. A child inherits the cores of the thread
// that forks it, so that thread moves there for a moment and back; no helper process
// that pins and then executes stands in the time from start to ready.
func (c Cores) start(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var own unix.CPUSet
	if err := unix.SchedGetaffinity(0, &own); err != nil {
		return fmt.Errorf("the cores of this thread: %w", err)
	}
	server := setOf([]int{c.Server})
	if err := unix.SchedSetaffinity(0, &server); err != nil {
		return fmt.Errorf("pin to core %d: %w", c.Server, err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := cmd.Start()
	return errors.Join(started, unix.SchedSetaffinity(0, &own))
}

func setOf(cores []int) unix.CPUSet {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	return set
}

// PreciseTimers lets the calling thread wake when it asked to and not up to 50 µs
// later, which the kernel does to wake several at once.
func PreciseTimers() error {
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("timer slack: %w", err)
	}
	return nil
}

// SleepNanos blocks the calling thread. Go's own timers round up to a
// millisecond where nothing else wakes the process.
func SleepNanos(n int64) {
	if n <= 0 {
		return
	}
	t := unix.NsecToTimespec(n)
	_ = unix.Nanosleep(&t, nil) // a signal ends it early, the caller looks at the clock
}
