package bus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"devicebridge/events"
)

const (
	// maxChunk is what the client libraries cut objects into.
	maxChunk = 128 << 10
	// repeatAge is how old an object may be for a repeat to leave it as it is. An
	// older one, left by a bridge that died before its event, would expire before
	// the event that is now to name it.
	repeatAge = time.Hour
)

// PutPayload stores a response payload of at least one byte in the object store
// and gives where. name has to tell the content, such as
// "<command id>/<sha256>": then a repeat, by this or another replica, finds the
// object and writes nothing.
//
// An object whose event never comes, because the bridge died in between, is of no
// harm: nothing names it, a repeat takes it, and the store's age limit removes it.
// What a failed call has stored is taken away again as far as that can be known
// and done.
//
// The bus' time-out applies to each message, of at most 128 KiB, and not to the
// whole: a disk that syncs each may take long for a large payload, but not for a
// piece. ctx bounds the whole. Errors: *events.Error with CodeUnavailable when
// the store has no room or does not answer.
func (b *Bus) PutPayload(ctx context.Context, name string, payload []byte) (events.ObjectRef, error) {
	return b.putPayload(ctx, name, payload, repeatAge)
}

// putPayload leaves an object that is younger than age as it is.
func (b *Bus) putPayload(ctx context.Context, name string, payload []byte, age time.Duration) (events.ObjectRef, error) {
	if name == "" || len(payload) == 0 {
		return events.ObjectRef{}, errors.New("a payload needs a name and at least one byte")
	}
	digest := sha256.New()
	_, _ = digest.Write(payload) // a hash never fails
	ref := events.ObjectRef{
		Bucket: b.subjects.ResponseBucket(),
		Name:   name,
		Size:   int64(len(payload)),
		SHA256: hex.EncodeToString(digest.Sum(nil)),
	}
	before, err := b.object(ctx, name)
	if err != nil && !events.HasCode(err, events.CodeNotFound) {
		return events.ObjectRef{}, err
	}
	if before.holds(ref) && time.Since(before.stored) < age {
		return ref, nil
	}
	info := jetstream.ObjectInfo{
		ObjectMeta: jetstream.ObjectMeta{
			Name: name,
			Opts: &jetstream.ObjectMetaOptions{ChunkSize: uint32(b.chunkSize())}, //nolint:gosec // at most maxChunk
		},
		Bucket: ref.Bucket,
		NUID:   nuid.Next(),
		Size:   uint64(len(payload)),
		Digest: jetstream.GetObjectDigestValue(digest),
	}
	if err := b.putChunks(ctx, &info, payload); err != nil {
		b.dropChunks(ctx, info.NUID)
		return events.ObjectRef{}, notStored(name, err)
	}
	if err := b.describe(ctx, info, ref, before.sequence); err != nil {
		return events.ObjectRef{}, notStored(name, err)
	}
	if before.NUID != "" {
		b.dropChunks(ctx, before.NUID)
	}
	return ref, nil
}

// chunkSize is what fits a message as base64 in JSON, with as much room left as a
// reply around it needs.
func (b *Bus) chunkSize() int { return max(min(maxChunk, b.MaxPayload()/2), 1) }

// putChunks stores the chunks one after the other, each as the next one after the
// one before: so each tells its predecessor, and one that arrives after its
// object was given up is refused.
func (b *Bus) putChunks(ctx context.Context, info *jetstream.ObjectInfo, payload []byte) (err error) {
	subject, last := chunkSubject(info.Bucket, info.NUID), uint64(0)
	for piece := range slices.Chunk(payload, int(info.Opts.ChunkSize)) {
		if last, err = b.put(ctx, &nats.Msg{Subject: subject, Data: piece}, last); err != nil {
			return err
		}
		info.Chunks++
	}
	info.Metadata = map[string]string{lastChunk: strconv.FormatUint(last, 10)}
	return nil
}

// describe makes the chunks an object, in place of the description with the
// sequence before. If another replica was first with the same payload, its object
// stays.
func (b *Bus) describe(ctx context.Context, info jetstream.ObjectInfo, ref events.ObjectRef, before uint64) error {
	data, err := json.Marshal(info)
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	_, err = b.put(ctx, &nats.Msg{
		Subject: objectSubject(info.Bucket, info.Name),
		Header:  nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}},
		Data:    data,
	}, before)
	if err == nil {
		return nil
	}
	// Without an answer the description may be stored, or still come, and then has
	// to find its chunks.
	if _, refused := errors.AsType[*jetstream.APIError](err); refused {
		b.dropChunks(ctx, info.NUID)
	}
	if stored, readErr := b.object(ctx, info.Name); readErr == nil && stored.holds(ref) {
		return nil // by this call or by another
	}
	return err
}

// put stores a message after the one with the sequence expected on its subject.
func (b *Bus) put(ctx context.Context, msg *nats.Msg, expected uint64) (uint64, error) {
	ctx, cancel := b.permitted(ctx, msg.Subject)
	defer cancel()
	ack, err := b.js.PublishMsg(ctx, msg,
		jetstream.WithExpectStream(objectStream(b.subjects.ResponseBucket())),
		jetstream.WithExpectLastSequencePerSubject(expected))
	if err != nil {
		return 0, why(ctx, err)
	}
	return ack.Sequence, nil
}

// dropChunks takes away what no object names, also when ctx has ended: a full
// store, or one too slow for a payload, must not fill up with attempts.
func (b *Bus) dropChunks(ctx context.Context, id string) {
	ctx, cancel := b.bounded(context.WithoutCancel(ctx))
	defer cancel()
	bucket := b.subjects.ResponseBucket()
	stream, err := b.js.Stream(ctx, objectStream(bucket))
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(chunkSubject(bucket, id)))
	}
	if err != nil {
		b.log.Warn("chunks of a payload stay until their age limit", "bucket", bucket, "object", id, "error", err)
	}
}

func notStored(name string, err error) error {
	why := unavailable("the store of response payloads did not confirm", err)
	if denied, is := errors.AsType[*deniedError](err); is {
		why = events.Unavailable("the store of response payloads does not take it: " + denied.Error())
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && (api.ErrorCode == codeNoResources || api.ErrorCode == codeStoreFailed) {
		why = events.Unavailable("the store of response payloads has no room" + because(api) + "; ask again later")
	}
	return fmt.Errorf("store payload %s: %w: %w", name, why, err)
}
