package host

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// CPU gives what the processes have used so far, in user and system mode.
func CPU(processes ...*Process) (time.Duration, error) {
	var sum time.Duration
	for _, p := range processes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			return 0, fmt.Errorf("the CPU time of a process: %w", err)
		}
		// The name, in brackets, may hold anything; after it the state is field 3.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		user, err := strconv.ParseInt(string(fields[11]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("the CPU time of a process: %w", err)
		}
		system, err := strconv.ParseInt(string(fields[12]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("the CPU time of a process: %w", err)
		}
		sum += time.Duration(user+system) * tick
	}
	return sum, nil
}

// Memory is what processes hold of it, in bytes.
type Memory struct {
	// Resident is Anon, which is the processes' own, and what is mapped from files,
	// most of it the binary.
	Resident, Anon, File float64
}

// MemoryOf gives what the processes hold together.
func MemoryOf(processes ...*Process) (Memory, error) {
	var sum Memory
	for _, p := range processes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		if err != nil {
			return Memory{}, fmt.Errorf("the memory of a process: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			name, rest, _ := strings.Cut(line, ":")
			to := map[string]*float64{"VmRSS": &sum.Resident, "RssAnon": &sum.Anon, "RssFile": &sum.File}[name]
			if to == nil {
				continue
			}
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			if err != nil {
				return Memory{}, fmt.Errorf("the memory of a process: %w", err)
			}
			*to += kib * 1024
		}
	}
	return sum, nil
}

// Own gives what this process has used of the cores so far.
func Own() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("the CPU time of this process: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
