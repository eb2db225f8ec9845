//go:build linux || darwin

package bus

import (
	"errors"
	"os"
	"syscall"
)

// diskSpace gives the space of the file system that holds dir.
func diskSpace(dir string) (space, bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return space{}, false
	}
	block := int64(stat.Bsize) //nolint:unconvert // the type differs between systems
	return space{
		free: int64(stat.Bavail) * block, //nolint:gosec // no disk has 8 EiB
		size: int64(stat.Blocks) * block, //nolint:gosec // no disk has 8 EiB
	}, true
}

// syncDirectory has the names in a directory on the disk.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
