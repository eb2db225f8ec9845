package inventory

import (
	"encoding/json"
	"fmt"
	"time"

	"devicebridge/events"
)

// cursor is how far the directory was read, shared by the replicas.
type cursor struct {
	// Link is the page to read next, as Graph gave it.
	Link string `json:"link"`
	// Round names the full read that is under way; empty: none is. Who began it
	// holds in memory what it saw, so nobody else can end it.
	Round string `json:"round,omitempty"`
	// Current is when the feed last reached the end of what Graph had to tell; zero
	// before the first time.
	Current time.Time `json:"current,omitzero"`
	// Doubt says that a full read ended without most of the devices that were known.
	// The next one is believed, whichever replica makes it.
	Doubt bool `json:"doubt,omitempty"`
	// Pause has all replicas wait; nil: none does.
	Pause *pause `json:"pause,omitempty"`
	// LeftOut are the devices that the feed has no event for.
	LeftOut leftOutSet `json:"leftOut,omitzero"`
}

// place is a cursor as the stream has it.
type place struct {
	cursor
	revision uint64
}

func readCursor(text []byte, revision uint64) (place, error) {
	p := place{revision: revision}
	if text == nil {
		return p, nil
	}
	if err := json.Unmarshal(text, &p.cursor); err != nil {
		return p, fmt.Errorf("the cursor of the inventory feed at revision %d: %w", revision, err)
	}
	return p, nil
}

func (c cursor) write() ([]byte, error) { return events.Marshal(c) }

// round is a full read of the directory by this process.
type round struct {
	id string
	// seen are the devices of the pages that are stored.
	seen map[string]bool
	// kept is how many of them the feed knew to be there before.
	kept int
	// revision is that of the cursor as this process last wrote it. Any other says
	// that somebody else has gone on, or that a page of this process was stored of
	// which it does not know.
	revision uint64
}

// goesOn reports whether a place is where this round stands.
func (r *round) goesOn(at place) bool {
	return r != nil && at.Round == r.id && at.revision == r.revision
}
