package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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

// addKey puts a new key before the others of a file, in one step, and gives the
// ring that it then has. The file is made where there is none, and is afterwards
// for its user alone.
func addKey(file, key string) (*webhook.Keyring, error) {
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
	if _, err := readKeys(file); err != nil {
		return nil, fmt.Errorf("%w: nothing was changed", err)
	}
	text := key + "\n" + strings.TrimSpace(string(old)) + "\n"
	ring, err := webhook.ParseKeyring(text)
	if err != nil {
		return nil, fmt.Errorf("%w: nothing was changed", err)
	}
	return ring, replaceSecret(file, []byte(text))
}
