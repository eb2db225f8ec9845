package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// PayloadChunk gives the piece of a payload that follows the piece with the cursor
// after, 0 for the first, and its own cursor; 0 with the last. A piece fits a
// message as base64 in JSON. Nothing is kept between calls, and any replica may
// answer any of them.
//
// Each piece is known to follow on the one before; that all of them are the
// payload, only its SHA-256 tells. Errors: *events.Error with CodeNotFound when
// the object, or the rest of it, is gone, with CodeUnavailable when the store does
// not answer; another error when the object is not what ref says.
func (b *Bus) PayloadChunk(ctx context.Context, ref events.ObjectRef, after uint64) (data []byte, next uint64, err error) {
	o, err := b.objectOf(ctx, ref)
	if err != nil {
		return nil, 0, err
	}
	data, err = confirmed(ctx, b, objectStream(b.subjects.ResponseBucket()), func() ([]byte, error) {
		data, next, err = b.chunk(ctx, o, after)
		return data, err
	})
	return data, next, err
}

func (b *Bus) objectOf(ctx context.Context, ref events.ObjectRef) (object, error) {
	if ref.Bucket != b.subjects.ResponseBucket() {
		return object{}, events.NotFound("the payload is in the bucket of another bridge")
	}
	o, err := confirmed(ctx, b, objectStream(ref.Bucket), func() (object, error) { return b.object(ctx, ref.Name) })
	switch {
	case err != nil:
		return object{}, err
	case o.Deleted:
		return object{}, gone()
	case !o.holds(ref):
		return object{}, fmt.Errorf("payload %s: the object is another one: %d bytes with digest %q", ref.Name, o.Size, o.Digest)
	}
	return o, nil
}

// chunk gives the chunk after the one with the sequence after. The leader is
// asked, because another replica may not have it yet.
func (b *Bus) chunk(ctx context.Context, o object, after uint64) (data []byte, next uint64, err error) {
	bucket := b.subjects.ResponseBucket()
	subject := chunkSubject(bucket, o.NUID)
	raw, err := b.leaderGet(ctx, objectStream(bucket), subject, map[string]any{"seq": after + 1, "next_by_subj": subject})
	if events.HasCode(err, events.CodeNotFound) {
		return nil, 0, gone()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read payload %s: %w", o.Name, err)
	}
	header, err := nats.DecodeHeadersMsg(raw.Header)
	if err != nil {
		return nil, 0, fmt.Errorf("read payload %s: header: %w", o.Name, err)
	}
	// Chunks expire one by one: what follows in the stream need not be the next.
	if header.Get(jetstream.ExpectedLastSubjSeqHeader) != strconv.FormatUint(after, 10) {
		return nil, 0, gone()
	}
	if raw.Sequence == o.last {
		return raw.Data, 0, nil
	}
	return raw.Data, raw.Sequence, nil
}
