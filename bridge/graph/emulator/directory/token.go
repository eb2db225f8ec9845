package directory

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
)

// errForeign is given for a token that this directory did not give, at least not since its start.
var errForeign = errors.New("not a token of this directory")

// sealer makes the opaque tokens of next and delta links: a client can neither read nor make one.
type sealer struct{ aead cipher.AEAD }

// newSealer has a key of its own, so that tokens end with the state that they speak of.
func newSealer() (sealer, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails, see crypto/rand
	block, err := aes.NewCipher(secret)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

// seal writes state, whose purpose is part of the seal.
func (s sealer) seal(purpose string, state any) (string, error) {
	raw, err := json.Marshal(state)
	if err != nil {
		return "", err
	}
	sealed := s.aead.Seal(nil, nil, raw, []byte(purpose)) //nolint:gosec // this AEAD takes no nonce, it draws one
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// open reads a token into state. The error is errForeign for what looks like a token, and another for what does not.
func (s sealer) open(purpose, token string, state any) error {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(sealed) <= s.aead.Overhead() {
		return errors.New("no token has this form")
	}
	raw, err := s.aead.Open(nil, nil, sealed, []byte(purpose))
	if err != nil {
		return errForeign
	}
	return json.Unmarshal(raw, state)
}
