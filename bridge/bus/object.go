package bus

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// Payloads are objects as NATS' ADR-20 and the client libraries have them: chunks
// on one subject under a random id, then a description under the name that tells
// the id, size and digest. So any client library and `nats object get` read them.
// The library's own Put and GetInfo are not used, because they
//
//   - hand over all chunks at once, so that one time-out has to do for any size,
//     and leave them behind when it passes;
//   - replace an object that is there, under the eyes of its readers;
//   - look it up at any replica, also at one that has not heard of it yet.

// lastChunk is the member of an object's metadata that tells the stream sequence
// of its last chunk.
const lastChunk = "devicebridge-last-chunk"

func objectStream(bucket string) string { return "OBJ_" + bucket }

func objectsOf(bucket string) string { return "$O." + bucket + "." }

func chunkSubject(bucket, id string) string { return objectsOf(bucket) + "C." + id }

func objectSubject(bucket, name string) string {
	return objectsOf(bucket) + "M." + base64.URLEncoding.EncodeToString([]byte(name))
}

// object is an object's description as the store has it.
type object struct {
	jetstream.ObjectInfo
	// sequence of the description; 0: there is no object.
	sequence uint64
	stored   time.Time
	// last is the stream sequence of the last chunk.
	last uint64
}

// object looks a description up at the stream's leader. Errors: *events.Error
// with CodeNotFound or CodeUnavailable.
func (b *Bus) object(ctx context.Context, name string) (object, error) {
	bucket := b.subjects.ResponseBucket()
	raw, err := b.lastOf(ctx, objectStream(bucket), objectSubject(bucket, name))
	if events.HasCode(err, events.CodeNotFound) {
		return object{}, gone()
	}
	if err != nil {
		return object{}, fmt.Errorf("look for payload %s: %w", name, err)
	}
	o := object{sequence: raw.Sequence, stored: raw.Time}
	if err := json.Unmarshal(raw.Data, &o.ObjectInfo); err != nil {
		return object{}, fmt.Errorf("look for payload %s: %w", name, err)
	}
	// Without it, the object is not by the bridge.
	o.last, _ = strconv.ParseUint(o.Metadata[lastChunk], 10, 64)
	return o, nil
}

// holds reports whether this is the payload that ref means, stored by a bridge. A
// deleted object has no digest.
func (o object) holds(ref events.ObjectRef) bool {
	sum, err := jetstream.DecodeObjectDigest(o.Digest)
	return err == nil && hex.EncodeToString(sum) == ref.SHA256 &&
		o.Size == uint64(ref.Size) && o.last != 0 //nolint:gosec // a negative size equals none
}

func gone() *events.Error {
	return events.NotFound("no such payload, or no such piece of it; it may have left the store with its age limit")
}
