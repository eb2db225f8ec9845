package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// About names the machine in a line: processor, cores, kernel, Go.
func About() string {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, Linux %s, %s", model, runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version())
}

// probes is how often FsyncTime writes.
const probes = 101

// FsyncTime gives the median time that a file in dir takes for 4 KiB more and an
// fsync: what one append that is synced by itself can at best take there.
func FsyncTime(dir string) (_ time.Duration, err error) {
	file, err := os.Create(filepath.Join(dir, "fsync-probe"))
	if err != nil {
		return 0, fmt.Errorf("probe the disk: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	block := make([]byte, 4096)
	times := make([]time.Duration, probes)
	for i := range times {
		begin := time.Now()
		if _, err := file.Write(block); err != nil {
			return 0, fmt.Errorf("probe the disk: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("probe the disk: %w", err)
		}
		times[i] = time.Since(begin)
	}
	slices.Sort(times)
	return times[probes/2], nil
}
