package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	minKeyBytes = 32
	newKeyBytes = 32
	maxKeyID    = 32
)

// Keyring signs and verifies callback tokens: the first key signs, all verify,
// so a key is replaced without losing the callbacks in flight (put the new one
// first, take the old one out after the longest life of a command). Replace does
// so while it is in use. It is safe for concurrent use and shows no key under any
// verb of package fmt.
type Keyring struct{ keys atomic.Pointer[[]key] }

type key struct {
	id     string
	secret []byte
	// hashes are HMACs under the secret, made once and used again.
	hashes *sync.Pool
}

func newKey(id string, secret []byte) key {
	return key{id, secret, &sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}
}

// ParseKeyring reads `<key id>:<base64>,<key id>:<base64>`, newest first, with a
// comma or the end of a line between two. A key id is 1 to 32 of [A-Za-z0-9_-] and
// is public, since every token shows it; a key is at least 32 bytes in standard or
// URL base64, padded or not. Space around entries and empty lines are ignored. The
// error lists every fault by the position of its entry and quotes nothing of the
// text, so that a key in the wrong place is not shown either.
func ParseKeyring(text string) (*Keyring, error) {
	entries := entriesOf(text)
	if len(entries) == 0 {
		return nil, errors.New("no callback key")
	}
	var faults []error
	keys := make([]key, 0, len(entries))
	for i, entry := range entries {
		k, err := parseKey(strings.TrimSpace(entry))
		if err == nil {
			err = unlike(keys, k)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("callback key %d: %w", i+1, err))
		}
		keys = append(keys, k)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return newKeyring(keys), nil
}

func entriesOf(text string) []string {
	var entries []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			entries = append(entries, strings.Split(line, ",")...)
		}
	}
	return entries
}

func newKeyring(keys []key) *Keyring {
	ring := new(Keyring)
	ring.keys.Store(&keys)
	return ring
}

// all gives the keys as they are now; nil in a zero Keyring.
func (k *Keyring) all() []key {
	if keys := k.keys.Load(); keys != nil {
		return *keys
	}
	return nil
}

// Replace puts the keys of next in the place of k's, in one step: every use of k
// meets the old ones or the new ones, whole.
func (k *Keyring) Replace(next *Keyring) { k.keys.Store(next.keys.Load()) }

// IDs gives the key ids in their order: the first signs.
func (k *Keyring) IDs() []string {
	keys := k.all()
	ids := make([]string, len(keys))
	for i := range keys {
		ids[i] = keys[i].id
	}
	return ids
}

// SigningWith gives a ring of the same keys in which the key of that id signs; k
// itself where it has none.
func (k *Keyring) SigningWith(id string) *Keyring {
	keys := slices.Clone(k.all())
	i := slices.IndexFunc(keys, func(one key) bool { return one.id == id })
	if i < 0 {
		return k
	}
	first := keys[i]
	return newKeyring(slices.Insert(slices.Delete(keys, i, i+1), 0, first))
}

// printLength is how many bytes of a key's print are shown.
const printLength = 8

// Prints gives, in the order of IDs, a text for each key by which two keys under one
// id are told apart. It says nothing of a key: it is the start of HMAC-SHA-256, under
// the key, of "print" LF and the key id, which no token is.
func (k *Keyring) Prints() []string {
	keys := k.all()
	prints := make([]string, len(keys))
	for i := range keys {
		h := hmac.New(sha256.New, keys[i].secret)
		_, _ = h.Write([]byte("print\n" + keys[i].id)) // a hash never fails
		prints[i] = hex.EncodeToString(h.Sum(nil)[:printLength])
	}
	return prints
}

// NewKey gives one `<key id>:<base64>` of 32 random bytes under a fresh key id,
// as ParseKeyring reads it.
func NewKey() (text string) {
	var secret [newKeyBytes]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand ends the process instead
	return strings.ToLower(rand.Text()[:8]) + ":" + base64.StdEncoding.EncodeToString(secret[:])
}

// Format writes the key ids and never the keys, whatever the verb.
func (k *Keyring) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "keyring %v", k.IDs())
}

// unlike refuses a key whose id or bytes are among the keys already. The same bytes
// under a new id would be a rotation that changes nothing.
func unlike(keys []key, other key) error {
	for i := range keys {
		switch {
		case keys[i].id == "":
			// A faulty entry, reported under its own number.
		case keys[i].id == other.id:
			return fmt.Errorf("has the key id of callback key %d", i+1)
		case hmac.Equal(keys[i].secret, other.secret):
			return fmt.Errorf("is the same key as callback key %d", i+1)
		}
	}
	return nil
}

func parseKey(entry string) (key, error) {
	id, encoded, found := strings.Cut(entry, ":")
	if !found {
		return key{}, errors.New("is not <key id>:<base64>")
	}
	if !validKeyID(id) {
		return key{}, fmt.Errorf("its key id is not 1 to %d of A-Z a-z 0-9 _ -", maxKeyID)
	}
	encoded = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(encoded, "="))
	secret, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return key{}, errors.New("is not base64")
	}
	if len(secret) < minKeyBytes {
		return key{}, fmt.Errorf("has %d bytes, at least %d are needed", len(secret), minKeyBytes)
	}
	return newKey(id, secret), nil
}

func validKeyID(id string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	return id != "" && len(id) <= maxKeyID && strings.Trim(id, letters) == ""
}

func (k *Keyring) find(id string) (key, bool) {
	keys := k.all()
	i := slices.IndexFunc(keys, func(one key) bool { return one.id == id })
	if i < 0 {
		return key{}, false
	}
	return keys[i], true
}
