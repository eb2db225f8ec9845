package bus

import (
	"context"
	"time"

	"devicebridge/events"
)

// PutPayloadAgain is PutPayload, with the age from which a repeat stores anew.
func (b *Bus) PutPayloadAgain(ctx context.Context, name string, payload []byte, age time.Duration) (events.ObjectRef, error) {
	return b.putPayload(ctx, name, payload, age)
}
