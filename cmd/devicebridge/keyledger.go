package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"devicebridge/events"
)

const (
	// keyState is under which name the replicas keep, together, until when each
	// callback key is needed.
	keyState = "callback-keys"
	// noteEvery is how often a replica notes the key it signs with, and noteAhead for
	// how long in advance: what nobody noted in time can only be the callbacks of a
	// replica that had no NATS, and so no command to sign one for.
	noteEvery = time.Minute
	noteAhead = 3 * time.Minute
)

// stateStore keeps what the replicas share; a bus is one.
type stateStore interface {
	State(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// PutState gives events.ErrLost when the record is not at the revision expected.
	PutState(ctx context.Context, key string, value []byte, expected uint64) (revision uint64, err error)
}

// keyNeeds tells until when a callback under each key may come.
type keyNeeds struct {
	// Unnoted is that time for a key that was never noted: it may have signed until
	// the notes began.
	Unnoted time.Time            `json:"unnoted"`
	Until   map[string]time.Time `json:"until"`
}

func (n keyNeeds) of(id string) time.Time {
	if until, noted := n.Until[id]; noted {
		return until
	}
	return n.Unnoted
}

// orphans gives the noted keys that are needed after now and are not in the ring of
// these ids, sorted.
func (n keyNeeds) orphans(ids []string, now time.Time) []string {
	var orphans []string
	for _, id := range slices.Sorted(maps.Keys(n.Until)) {
		if n.Until[id].After(now) && !slices.Contains(ids, id) {
			orphans = append(orphans, id)
		}
	}
	return orphans
}

// with gives the needs after a key signed callbacks that are good until then; what
// is needed no more is left out.
func (n keyNeeds) with(id string, until, now time.Time) keyNeeds {
	next := keyNeeds{Unnoted: n.Unnoted, Until: maps.Clone(n.Until)}
	if next.Until == nil {
		next.Until = map[string]time.Time{}
	}
	if next.Unnoted.IsZero() {
		next.Unnoted = until
	}
	maps.DeleteFunc(next.Until, func(_ string, until time.Time) bool { return !until.After(now) })
	if next.Until[id].Before(until) {
		next.Until[id] = until
	}
	return next
}

// loadKeyNeeds gives the needs and the revision of their record; none and 0 before
// the first note.
func loadKeyNeeds(ctx context.Context, store stateStore) (keyNeeds, uint64, error) {
	var needs keyNeeds
	value, revision, err := store.State(ctx, keyState)
	if err != nil || revision == 0 {
		return needs, revision, err
	}
	if err := json.Unmarshal(value, &needs); err != nil {
		return needs, revision, fmt.Errorf("the record %s of callback keys cannot be read: %w", keyState, err)
	}
	return needs, revision, nil
}

// noteKey notes that a key signs callbacks that are good until then, and gives all
// needs as they are now.
func noteKey(ctx context.Context, store stateStore, id string, until, now time.Time) (keyNeeds, error) {
	for {
		needs, revision, err := loadKeyNeeds(ctx, store)
		if err != nil {
			return needs, err
		}
		if until.Sub(needs.Until[id]) < noteEvery/2 {
			return needs, nil // another replica noted as much
		}
		needs = needs.with(id, until.UTC().Truncate(time.Second), now)
		value, err := json.Marshal(needs)
		if err != nil {
			return needs, err
		}
		if _, err = store.PutState(ctx, keyState, value, revision); !errors.Is(err, events.ErrLost) || ctx.Err() != nil {
			return needs, err
		}
	}
}
