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
	"devicebridge/webhook"
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
	// Prints is when each key was last noted to be in a ring, by key id and print.
	Prints map[string]map[string]time.Time `json:"prints,omitempty"`
}

// noted is how one replica has its keys.
type noted struct {
	ring *webhook.Keyring
	// until is how long callbacks are good that are signed now.
	until, now time.Time
}

// fresh reports whether all of it is noted already, by this replica or another.
func (n keyNeeds) fresh(by noted) bool {
	ids := by.ring.IDs()
	if by.until.Sub(n.Until[ids[0]]) >= noteEvery/2 {
		return false
	}
	for i, mark := range by.ring.Prints() {
		if by.now.Sub(n.Prints[ids[i]][mark]) >= noteEvery/2 {
			return false
		}
	}
	return true
}

// strangers gives the ids of the keys of the ring that another replica has with other
// bytes, or had a moment ago. replaced has when this replica itself took other bytes
// for a key: what was noted before that may have been its own.
func (n keyNeeds) strangers(ring *webhook.Keyring, replaced map[string]time.Time, now time.Time) []string {
	var ids []string
	own := ring.Prints()
	for i, id := range ring.IDs() {
		for mark, at := range n.Prints[id] {
			if mark != own[i] && now.Sub(at) < noteAhead && at.After(replaced[id]) && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
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

// with gives the needs after the first key of a ring signed callbacks; what is needed
// no more is left out, and so are keys that nobody has noted for a while.
func (n keyNeeds) with(by noted) keyNeeds {
	ids, until, now := by.ring.IDs(), by.until.UTC().Truncate(time.Second), by.now
	id := ids[0]
	next := keyNeeds{Unnoted: n.Unnoted, Until: maps.Clone(n.Until), Prints: map[string]map[string]time.Time{}}
	for id, prints := range n.Prints {
		prints = maps.Clone(prints)
		maps.DeleteFunc(prints, func(_ string, at time.Time) bool { return now.Sub(at) >= noteAhead })
		if len(prints) > 0 {
			next.Prints[id] = prints
		}
	}
	for i, mark := range by.ring.Prints() {
		if next.Prints[ids[i]] == nil {
			next.Prints[ids[i]] = map[string]time.Time{}
		}
		next.Prints[ids[i]][mark] = now.UTC().Truncate(time.Second)
	}
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

// noteKeys notes which keys a replica has, of which the first signs, and gives all
// needs as they are now.
func noteKeys(ctx context.Context, store stateStore, by noted) (keyNeeds, error) {
	for {
		needs, revision, err := loadKeyNeeds(ctx, store)
		if err != nil {
			return needs, err
		}
		if needs.fresh(by) {
			return needs, nil // another replica noted as much
		}
		needs = needs.with(by)
		value, err := json.Marshal(needs)
		if err != nil {
			return needs, err
		}
		if _, err = store.PutState(ctx, keyState, value, revision); !errors.Is(err, events.ErrLost) || ctx.Err() != nil {
			return needs, err
		}
	}
}
