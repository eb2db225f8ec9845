package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"devicebridge/webhook"
)

// keysFile is the file that the callback keys are in; empty where they come from
// BRIDGE_CALLBACK_KEYS.
func (c config) keysFile() string {
	if c.callbackKeysFile == "" && c.CallbackKeys != "" {
		return ""
	}
	return cmp.Or(c.callbackKeysFile, filepath.Join(c.DataDir, "callback-keys"))
}

// readKeys reads a ring from its file. The error names the file and quotes nothing
// of it.
func readKeys(file string) (*webhook.Keyring, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("callback keys: %w", err)
	}
	ring, err := webhook.ParseKeyring(string(text))
	if err != nil {
		return nil, fmt.Errorf("callback keys in %s: %s", file, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return ring, nil
}

// addKey puts a new key before the others of a file, and returns the ring that it then
// has. The file is made where there is none. It is replaced in one step, and is
// afterwards for its user alone; where it cannot be replaced, because it is mounted by
// itself, it is written where it is.
func addKey(file, key string) (*webhook.Keyring, error) { return addKeyBy(file, key, os.Rename) }

func addKeyBy(file, key string, rename func(from, to string) error) (*webhook.Keyring, error) {
	// Where the name is a link the file behind it is meant.
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target
	}
	old, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := writeSecret(file, []byte(key+"\n")); err != nil {
			return nil, err
		}
		return readKeys(file)
	}
	if err != nil {
		return nil, err
	}
	rest := strings.TrimSpace(string(old)) // none in a file that was made to be mounted
	if rest != "" {
		if _, err := readKeys(file); err != nil {
			return nil, fmt.Errorf("%w: nothing was changed", err)
		}
	}
	text := strings.TrimSpace(key+"\n"+rest) + "\n"
	ring, err := webhook.ParseKeyring(text)
	if err != nil {
		return nil, fmt.Errorf("%w: nothing was changed", err)
	}
	err = putSecret(file, []byte(text), rename)
	if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) {
		err = overwrite(file, text, string(old))
	}
	return ring, err
}

// overwrite writes the text over a file that nothing can be put in the place of. The
// text is longer than what was there, and is written at once, so a bridge that reads it
// meanwhile does not find keys missing. Until the text is on the disk the old one is
// kept in a file beside it, or, where the folder takes none, in that for temporary
// files; the error names it.
func overwrite(file, text, old string) error {
	to, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("%w; it can neither be replaced nor written: mount its folder, and for writing", err)
	}
	kept, err := keep(filepath.Dir(file), old)
	if err != nil {
		return errors.Join(fmt.Errorf("nothing was changed: %w", err), to.Close())
	}
	_, err = to.WriteAt([]byte(text), 0)
	if err = errors.Join(err, to.Truncate(int64(len(text))), to.Sync(), to.Close()); err != nil {
		return fmt.Errorf("%w; what it was before is in %s", err, kept)
	}
	return os.Remove(kept)
}

// keep writes a text into a new file in the folder, or else in that for temporary
// files, and returns its name once it is on the disk.
func keep(folder, text string) (string, error) {
	f, err := os.CreateTemp(folder, ".before-*") // mode 0600
	if err != nil {
		f, err = os.CreateTemp("", "callback-keys-before-*")
	}
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	return f.Name(), errors.Join(err, f.Sync(), f.Close())
}
