package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
	"time"

	"devicebridge/events"
)

const (
	// purpose keeps a callback token from being taken for anything else that may
	// ever be signed with the same keys.
	purpose = "postback"
)

// Leeway is how long after its expiry a token still verifies, for a sender or a
// replica whose clock is off.
const Leeway = 5 * time.Minute

// Token gives `<key id>.<expiry>.<mac>` for the command: expiry in unix seconds,
// mac the unpadded URL base64 of HMAC-SHA-256, under the first key, over
// "postback" LF command LF expiry.
//
// Test vector: the key k1 of the bytes 0x00 to 0x1f, the command
// "xm2igitaea4d34ipad5wcv3kzi" and the expiry 2000000000 give
// "k1.2000000000.uBPbbKdYEZLmxRtN5c9aSNLvoXQRSzLwwTJYZEzkWDU".
func (k *Keyring) Token(command string, expiry time.Time) string {
	return sign(k.all()[0], command, strconv.FormatInt(expiry.Unix(), 10))
}

// Verify reports whether token was made by Token for this command with a key of
// the ring and expired at most five minutes before now. Only the exact text that
// Token gave verifies. The comparison takes the same time wherever the first
// wrong byte is; which key ids are known is no secret.
func (k *Keyring) Verify(command, token string, now time.Time) bool {
	if !events.ValidCommandID(command) {
		return false
	}
	id, rest, _ := strings.Cut(token, ".")
	expiry, mac, _ := strings.Cut(rest, ".")
	signer, known := k.find(id)
	if !known {
		return false
	}
	// Comparing texts instead of decoded bytes leaves one spelling per token.
	want := signer.mac(command, expiry)
	if !hmac.Equal(want[:], []byte(mac)) {
		return false
	}
	seconds, err := strconv.ParseInt(expiry, 10, 64)
	return err == nil && now.Unix()-int64(Leeway/time.Second) <= seconds
}

func sign(k key, command, expiry string) string {
	mac := k.mac(command, expiry)
	return k.id + "." + expiry + "." + string(mac[:])
}

// macLength is that of an HMAC-SHA-256 in URL base64 without padding.
const macLength = (sha256.Size*8 + 5) / 6

// mac gives the text of the HMAC of a command's token.
func (k key) mac(command, expiry string) (text [macLength]byte) {
	h := k.hashes.Get().(hash.Hash)
	defer k.hashes.Put(h)
	h.Reset()
	var room [128]byte
	message := append(room[:0], purpose+"\n"...)
	message = append(append(append(message, command...), '\n'), expiry...)
	_, _ = h.Write(message) // a hash never fails
	base64.RawURLEncoding.Encode(text[:], h.Sum(room[:0]))
	return text
}
