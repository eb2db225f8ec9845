package events

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
	"time"
)

// idBytes is the length of a command id before its base32 text.
const idBytes = 16

// CommandIDLen is the length of a command id in characters.
const CommandIDLen = 26

// RequestCommandID gives the id of the command that a request id names: lower
// case base32 without padding of the first 16 bytes of
// SHA-256("devicebridge/request/v1" 0x00 requestID). Anybody can compute it, so
// a caller knows its events' subject before it asks.
//
// Test vector: "order-4711" gives "xm2igitaea4d34ipad5wcv3kzi".
func RequestCommandID(requestID string) string {
	return digestID("devicebridge/request/v1", requestID)
}

// IntakeCommandID gives the id of the command that stands for one message of
// the intake stream, so that a redelivery meets the same command. created is
// the stream's creation time, written as RFC 3339 with nanoseconds in UTC;
// sequence the message's stream sequence, written in decimal.
func IntakeCommandID(created time.Time, sequence uint64) string {
	return digestID("devicebridge/intake/v1", created.UTC().Format(time.RFC3339Nano), strconv.FormatUint(sequence, 10))
}

// RandomCommandID gives a new id for a request that names none.
func RandomCommandID() string {
	var raw [idBytes]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	return encodeID(raw[:])
}

// ValidCommandID reports whether id has the form of a command id. Only such a
// text may go into a subject.
func ValidCommandID(id string) bool {
	if len(id) != CommandIDLen {
		return false
	}
	raw, err := idEncoding().DecodeString(strings.ToUpper(id))
	return err == nil && encodeID(raw) == id
}

func digestID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return encodeID(sum[:idBytes])
}

func encodeID(raw []byte) string { return strings.ToLower(idEncoding().EncodeToString(raw)) }

func idEncoding() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }
