package bus

import (
	"io/fs"
	"os"
	"path/filepath"
)

// space is how much of a file system is free to this process, and its size.
type space struct{ free, size int64 }

// diskFloor is the free space a store is not run below: what is under way shall
// still end, and the server itself writes state. On a small file system it is a
// part of the whole.
const diskFloor = 64 << 20

// low reports whether less is free than the floor. was is what was said before:
// an end of it needs some more, so that the answer does not flutter.
func (s space) low(was bool) bool {
	floor := min(diskFloor, s.size/16)
	if was {
		floor += floor / 4
	}
	return s.free < floor
}

// DefaultMaxStore gives the limit that an embedded server has by default whose files
// are in dir, which need not be there yet; 0 where it cannot be told.
func DefaultMaxStore(dir string) int64 {
	for dir = filepath.Clean(dir); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return defaultMaxStore(dir)
		}
	}
}

// defaultMaxStore gives three quarters of the space that is free or already the
// store's, 0 where that is not known. The server's own default leaves out what
// the store holds, and so takes room away at each start.
func defaultMaxStore(dir string) int64 {
	disk, ok := diskSpace(dir)
	if !ok {
		return 0
	}
	return (disk.free + held(dir)) / 4 * 3
}

// held gives the bytes of the files below dir, as far as they can be seen.
func held(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // an estimate: what cannot be seen counts as nothing
		}
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}
