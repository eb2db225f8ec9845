//go:build !linux

package host

import (
	"errors"
	"os/exec"
	"time"
)

// Cores are the cores of one run.
type Cores struct {
	Server    int
	Generator []int
}

// SplitCores always fails: processes are kept to cores by Linux' means.
func SplitCores() (Cores, error) {
	return Cores{}, errors.New("the benchmark needs Linux: it keeps processes to cores and reads /proc")
}

// PinSelf does nothing.
func (Cores) PinSelf() error { return nil }

func (Cores) start(cmd *exec.Cmd) error { return cmd.Start() }

// PreciseTimers does nothing.
func PreciseTimers() error { return nil }

// SleepNanos does nothing.
func SleepNanos(int64) {}

// Memory is what processes hold of it, in bytes.
type Memory struct{ Resident, Anon, File float64 }

// CPU always fails.
func CPU(...*Process) (time.Duration, error) { return 0, errors.ErrUnsupported }

// MemoryOf always fails.
func MemoryOf(...*Process) (Memory, error) { return Memory{}, errors.ErrUnsupported }

// Own always fails.
func Own() (time.Duration, error) { return 0, errors.ErrUnsupported }
