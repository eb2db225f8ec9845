package bridge_test

import (
	"testing"
	"time"

	"devicebridge/bridge"
)

// TestAPlaceIsGivenBackWhenAskingBreaksDown: where the sender panics before the claim,
// as often as there are places, the next command is sent all the same.
func TestAPlaceIsGivenBackWhenAskingBreaksDown(t *testing.T) {
	r := build(t, new(memory), func(o *bridge.Options) { o.Sends = 1 })
	from := r.send(launch(`"expiresIn":"1h"`))
	deliver := func() (wait time.Duration, broke bool) {
		defer func() { broke = recover() != nil }()
		return r.Dispatch(t.Context(), from, bridge.Delivery{Count: 1, Alive: func() error { return nil }}), false
	}
	r.graph.ready = func() error { panic("the credential broke down") }
	if _, broke := deliver(); !broke {
		t.Fatal("the sender did not break down")
	}
	r.graph.ready = nil
	if wait, _ := deliver(); wait != 0 {
		t.Errorf("it waits %s for a place", wait)
	}
	r.wantPosts(1)
	r.wantStory(from.Command.ID, "accepted sending requesting")
}
