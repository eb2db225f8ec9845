package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// doubtBefore returns how long before a failure was seen, or before a process ended
// without a word, the first write can have been that is not on the disk. Where every
// write is synced a failure is seen at once, and else after the server's interval of
// two minutes. There is room to spare in it, for clocks that are set among others.
func doubtBefore(lazySync bool) time.Duration {
	if lazySync {
		return 10 * time.Minute
	}
	return time.Minute
}

// lastRun is what a file beside the store says of the process that used it last. It
// only has to outlive that process, and is not synced: after a power cut nothing is in
// the cache that the disk has not.
type lastRun struct {
	// Boot names the time since the machine was started, in which its cache grew. It is
	// empty where that is not known.
	Boot string `json:"boot,omitempty"`
	// Failed is when the store was first seen to have failed; zero: it was not, or all
	// has been written again since.
	Failed time.Time `json:"failed,omitzero"`
	// LazySync as of the options.
	LazySync bool `json:"lazySync,omitempty"`
	// Settled: the process ended, and all its syncs had succeeded.
	Settled bool `json:"settled,omitempty"`
}

func (o ServerOptions) lastRunFile() string { return filepath.Join(o.Dir, "lastrun.json") }

// noteRun writes the file. Without it everything is doubted, so it may be gone, but not
// say what was true before.
func (o ServerOptions) noteRun(run lastRun) error {
	run.Boot, run.LazySync = bootID(), o.LazySync
	text, err := json.Marshal(run)
	if err != nil {
		return err
	}
	temporary := o.lastRunFile() + ".new"
	if err = os.WriteFile(temporary, append(text, '\n'), 0o600); err == nil {
		err = os.Rename(temporary, o.lastRunFile())
	}
	if err == nil {
		return nil
	}
	if removed := os.Remove(o.lastRunFile()); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
		return fmt.Errorf("note that the store is in use: %w", errors.Join(err, removed))
	}
	return nil
}

// doubted returns whether there are files of the store that the disk may not have as
// they read, and since when they may have been changed; zero: that is not known.
func (o ServerOptions) doubted() (since time.Time, some bool, err error) {
	text, err := os.ReadFile(o.lastRunFile())
	var run lastRun
	if err != nil || json.Unmarshal(text, &run) != nil {
		return time.Time{}, true, nil //nolint:nilerr // without the file everything is doubted
	}
	switch {
	case run.Settled, run.Boot != "" && run.Boot != bootID():
		return time.Time{}, false, nil
	case !run.Failed.IsZero():
		return run.Failed.Add(-doubtBefore(run.LazySync)), true, nil
	}
	newest, err := newestFile(o.storeDir())
	if err != nil {
		return time.Time{}, false, fmt.Errorf("look through the store: %w", err)
	}
	return newest.Add(-doubtBefore(run.LazySync)), true, nil
}

// takeOver makes the files that another process left such that they can be trusted,
// and notes that they are in use.
func (o ServerOptions) takeOver() error {
	since, doubted, err := o.doubted()
	if err == nil && doubted {
		err = rewriteFiles(o.storeDir(), since)
	}
	if err == nil {
		err = o.noteRun(lastRun{})
	}
	if err != nil {
		return fmt.Errorf("data directory %s: %w", o.Dir, err)
	}
	return nil
}

// storeDir returns where the NATS server keeps its files.
func (o ServerOptions) storeDir() string { return filepath.Join(o.Dir, "jetstream") }

// bootID names the time since this machine was started, on Linux; elsewhere it is
// empty.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
