package bridge_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"devicebridge/events"
)

// chunk is how much of an object memory gives at once.
const chunk = 1000

// ask is a timer of Timers.Ask.
type ask struct {
	at  time.Time
	try int
}

func (m *memory) Ask(_ context.Context, id string, at time.Time, try int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asks == nil {
		m.asks = make(map[string]ask)
	}
	m.asks[id] = ask{at, try}
	m.asked++
	return nil
}

func (m *memory) PutPayload(_ context.Context, name string, payload []byte) (events.ObjectRef, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects == nil {
		m.objects = make(map[string][]byte)
	}
	m.objects[name] = payload
	sum := sha256.Sum256(payload)
	return events.ObjectRef{Bucket: "memory", Name: name, Size: int64(len(payload)), SHA256: hex.EncodeToString(sum[:])}, nil
}

func (m *memory) PayloadChunk(_ context.Context, ref events.ObjectRef, after uint64) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	object, ok := m.objects[ref.Name]
	if !ok || after*chunk >= uint64(len(object)) {
		return nil, 0, events.NotFound("no such object")
	}
	rest := object[after*chunk:]
	if len(rest) <= chunk {
		return rest, 0, nil
	}
	return rest[:chunk], after + 1, nil
}
