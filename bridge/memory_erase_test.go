package bridge_test

import (
	"context"
	"strings"

	"devicebridge/events"
)

func (m *memory) MayErase(context.Context) error { return nil }

func (m *memory) Sequences(_ context.Context, id string) (list []uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, e := range m.log {
		if e.id == id {
			list = append(list, uint64(i)+1)
		}
	}
	return list, nil
}

// Erase leaves holes in the log: a sequence is never used again.
func (m *memory) Erase(_ context.Context, id string, before uint64) (done events.Erased, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.objects {
		if strings.HasPrefix(name, id+"/") {
			delete(m.objects, name)
			done.Objects++
		}
	}
	if _, armed := m.timers[id]; armed {
		delete(m.timers, id)
		done.Timers++
	}
	for i, e := range m.log {
		if e.id == id && uint64(i)+1 < before {
			m.log[i] = entry{}
			done.Events++
		}
	}
	return done, nil
}

// sealed is the eraser of a stream of which nothing can be deleted.
type sealed struct{}

func (sealed) MayErase(context.Context) error { return nil }

func (sealed) Sequences(context.Context, string) ([]uint64, error) {
	return nil, events.Refusal(events.CodeConflict, "", "sealed")
}

func (sealed) Erase(context.Context, string, uint64) (events.Erased, error) {
	return events.Erased{}, events.Unavailable("sealed")
}

// failing is the eraser of a stream that does not answer, while it is broken, when
// something is to go.
type failing struct {
	*memory
	broken *bool
}

func (f failing) Erase(ctx context.Context, id string, before uint64) (events.Erased, error) {
	if *f.broken {
		return events.Erased{}, events.Unavailable("failing")
	}
	return f.memory.Erase(ctx, id, before)
}
