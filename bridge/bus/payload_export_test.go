package bus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"devicebridge/events"
)

// PutPayloadAgain is PutPayload, with the age from which a repeat stores anew.
func (b *Bus) PutPayloadAgain(ctx context.Context, name string, payload []byte, age time.Duration) (events.ObjectRef, error) {
	return b.putPayload(ctx, name, payload, age)
}

// Payload gives a whole payload, proven to be the one that ref means. Errors as
// PayloadChunk.
func (b *Bus) Payload(ctx context.Context, ref events.ObjectRef) ([]byte, error) {
	o, err := b.objectOf(ctx, ref)
	if err != nil {
		return nil, err
	}
	payload := make([]byte, 0, ref.Size)
	for after, more := uint64(0), true; more; more = after != 0 {
		var piece []byte
		if piece, after, err = b.chunk(ctx, o, after); err != nil {
			return nil, err
		}
		payload = append(payload, piece...)
	}
	sum := sha256.Sum256(payload)
	if got := hex.EncodeToString(sum[:]); got != ref.SHA256 {
		return nil, fmt.Errorf("payload %s: the object is damaged: %d bytes with SHA-256 %s", ref.Name, len(payload), got)
	}
	return payload, nil
}
