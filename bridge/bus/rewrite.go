package bus

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// rewriteEnding ends the name of the copy that takes a file's place. The NATS server
// reads no file that ends so.
const rewriteEnding = ".again"

// rewriteFiles writes files of a store again: those that were changed since a time,
// and the last of each stream, to which the server goes on writing, whatever the
// clock says of it. No server may have the files open.
//
// After a sync that failed the system takes what it could not write for written: it
// is read from the cache, later syncs leave it out, and it is gone with the power. So
// a file is trusted no more, however it reads. What it reads as is written to a new
// file, of which nothing has been taken for written, and that takes its place once it
// is synced. This loses nothing, neither where the cache has more than the disk, nor
// where it has given it up.
func rewriteFiles(dir string, since time.Time) error {
	dir, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var dirs []string
	last := map[string]uint64{} // by directory
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() {
			dirs = append(dirs, name)
		} else if index, is := blockIndex(name); is {
			last[filepath.Dir(name)] = max(last[filepath.Dir(name)], index)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look through the store: %w", err)
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("look through the store: %w", err)
		}
		for _, entry := range entries {
			name := filepath.Join(dir, entry.Name())
			if strings.HasSuffix(name, rewriteEnding) {
				_ = os.Remove(name) // of an attempt that broke off; it is overwritten otherwise
				continue
			}
			info, err := entry.Info()
			if err != nil {
				return fmt.Errorf("look through the store: %w", err)
			}
			index, isBlock := blockIndex(name)
			if !info.Mode().IsRegular() || info.ModTime().Before(since) && (!isBlock || index != last[dir]) {
				continue
			}
			if err := rewriteFile(name, info); err != nil {
				return fmt.Errorf("write a file of the store again: %w", err)
			}
		}
	}
	for _, dir := range dirs {
		if err := syncDirectory(dir); err != nil {
			return fmt.Errorf("write a directory of the store: %w", err)
		}
	}
	return nil
}

// rewriteFile puts a synced copy of a file in its place. It keeps the time of the last
// change, by which files are chosen.
func rewriteFile(name string, info fs.FileInfo) error {
	from, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(name+rewriteEnding, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(to.Name()) }() // it is there no more if all went well
	// Read and written by this process: a copy made by the system may share with the
	// old file what the disk has, and not what the cache has.
	_, err = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 1<<20))
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return err
	}
	if err := os.Chtimes(to.Name(), time.Time{}, info.ModTime()); err != nil {
		return err
	}
	return os.Rename(to.Name(), name)
}

// newestFile returns when a file below dir was last changed; zero without one.
func newestFile(dir string) (newest time.Time, err error) {
	if dir, err = filepath.EvalSymlinks(dir); err == nil {
		err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err == nil && info.ModTime().After(newest) {
				newest = info.ModTime()
			}
			return err
		})
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return newest, err
}
