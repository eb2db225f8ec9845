package signin

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

const keyLen = 32

// Key seals the record of a sign-in with AES-256-GCM. It is not in any text made
// of it.
type Key struct {
	id   string
	aead cipher.AEAD
}

// ParseKey reads a key: 32 bytes in base64, standard or URL form, padded or not.
func ParseKey(text string) (*Key, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64; make a key with: openssl rand -base64 32")
	}
	if len(raw) != keyLen {
		return nil, fmt.Errorf("%d bytes; it takes the base64 of exactly %d, as from: openssl rand -base64 32", len(raw), keyLen)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("devicebridge/signin-key/v1\x00"), raw...))
	return &Key{id: hex.EncodeToString(sum[:4]), aead: aead}, nil
}

// NewKey makes the text of a new key.
func NewKey() string {
	var raw [keyLen]byte
	_, _ = rand.Read(raw[:]) // documented never to fail
	return base64.StdEncoding.EncodeToString(raw[:])
}

// ID tells keys apart and says nothing about the key: 8 hexadecimal digits.
func (k *Key) ID() string { return k.id }

// Format keeps the key out of every log and dump.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "sign-in key "+k.id) }

// envelope is how a record is stored and sent.
type envelope struct {
	Version int    `json:"version"`
	Key     string `json:"key"`
	Sealed  []byte `json:"sealed"`
}

const envelopeVersion = 1

// SealError says why a sealed record cannot be opened.
type SealError struct{ reason string }

// Error says what is wrong and the way out.
func (e *SealError) Error() string { return e.reason }

// seal encrypts plain. label is bound to it: what was sealed under another cannot
// be opened, so that a record of one bridge does not serve another with its key.
func (k *Key) seal(label string, plain []byte) ([]byte, error) {
	sealed := k.aead.Seal(nil, nil, plain, k.bound(label)) //nolint:gosec // this form of GCM makes its own random nonce
	return json.Marshal(envelope{Version: envelopeVersion, Key: k.id, Sealed: sealed})
}

// open gives what was sealed, or a *SealError.
func (k *Key) open(label string, text []byte) ([]byte, error) {
	var e envelope
	switch err := json.Unmarshal(text, &e); {
	case err != nil:
		return nil, &SealError{"the sign-in record is damaged: it is not a sealed record; run `devicebridge login` to write a new one"}
	case e.Version != envelopeVersion:
		return nil, &SealError{fmt.Sprintf("the sign-in record has version %d, and this version of devicebridge reads version %d; "+
			"use the newer one, or run `devicebridge login` with this one", e.Version, envelopeVersion)}
	case e.Key != k.id:
		return nil, &SealError{fmt.Sprintf("the sign-in record is sealed with key %s, and BRIDGE_SIGNIN_KEY is key %s; "+
			"set the key that it was sealed with, or run `devicebridge login` to sign in anew under this one", shown(e.Key), k.id)}
	}
	plain, err := k.aead.Open(nil, nil, e.Sealed, k.bound(label))
	if err != nil {
		return nil, &SealError{"the sign-in record was tampered with, or belongs to another subject prefix: it does not open under its own key; " +
			"find out who can write to the bucket, then run `devicebridge login`"}
	}
	return plain, nil
}

func (k *Key) bound(label string) []byte {
	return []byte("devicebridge/signin/v1\x00" + k.id + "\x00" + label)
}

// shown bounds what is repeated of a name that anybody may have written.
func shown(id string) string {
	if len(id) == 0 || len(id) > 16 || strings.Trim(id, "0123456789abcdef") != "" {
		return "of an unknown name"
	}
	return id
}
