package events

import "time"

// CallbackKey says what may still hang on a callback key. Nothing in it is secret.
type CallbackKey struct {
	// ID is what every callback under the key shows.
	ID string `json:"id"`
	// Signs: the bridge that answers signs with it now. Verifies: it takes callbacks
	// under it; false for a key that is not in its ring any more.
	Signs    bool `json:"signs"`
	Verifies bool `json:"verifies"`
	// NeededUntil is until when a callback under the key may come, as far as is known
	// now; absent where none can.
	NeededUntil *time.Time `json:"neededUntil,omitempty"`
}

// CallbackKeysReply answers callbacks.keys: the keys in the ring of the bridge that
// answers, in their order, and then those that are missing from it.
type CallbackKeysReply struct {
	Keys []CallbackKey `json:"keys"`
}
