package bridge_test

import (
	"errors"
	"testing"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// TestHurry has the commands looked at at once that waited for a token, and no
// others.
func TestHurry(t *testing.T) {
	r := build(t, new(memory), nil)
	signedOut := true
	r.graph.ready = func() error {
		if signedOut {
			return &graph.SignInError{Reason: "nobody is signed in"}
		}
		return nil
	}
	from := r.send(launch())
	r.clock.pass(20 * time.Second)
	if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != 0 {
		t.Errorf("the delivery is held for %v", wait)
	}
	r.wantArmed(20 * time.Second)
	signedOut = false
	r.Hurry(t.Context())
	r.wantArmed(0)
	// It is forgotten then: another is not hurried for it.
	armed := 0
	r.tap.arm = func(string, time.Time) error {
		armed++
		return nil
	}
	r.Hurry(t.Context())
	if armed != 0 {
		t.Errorf("%d timers are set for nobody", armed)
	}
}

// TestNoSignInIsSaid gives who asks for devices the words of the sign-in.
func TestNoSignInIsSaid(t *testing.T) {
	r := build(t, new(memory), nil)
	r.graph.devices = func() ([]events.Device, error) {
		return nil, errors.Join(errors.New("list devices"), &graph.SignInError{Reason: "nobody is signed in; run it"})
	}
	_, err := r.Devices(t.Context(), nil)
	if !events.HasCode(err, events.CodeUnavailable) || err.Error() != "unavailable: no sign-in: nobody is signed in; run it" {
		t.Error(err)
	}
}
