package events

import "time"

// Wait says what keeps accepted commands from being sent now. Nothing in it is
// secret.
type Wait struct {
	// For is paused, signIn, circuitOpen, throttled or rate; a later version may know
	// more.
	For string `json:"for"`
	// Reason says it in words, and what to do.
	Reason string `json:"reason"`
	// Until is when it is over by itself, as far as is known; absent where somebody has
	// to do something, or where it is not known.
	Until *time.Time `json:"until,omitempty"`
}

// What commands wait for.
const (
	// WaitPaused: BRIDGE_DISPATCH is paused.
	WaitPaused = "paused"
	// WaitSignIn: there is no token for Graph.
	WaitSignIn = "signIn"
	// WaitCircuitOpen: Graph failed several times in a row and is left alone.
	WaitCircuitOpen = "circuitOpen"
	// WaitThrottled: Graph asked for a pause.
	WaitThrottled = "throttled"
	// WaitRate: the policy's rate is used up.
	WaitRate = "rate"
)

// Standing is what one replica says of itself. It is the data of the endpoint
// signin-get in its answer to $SRV.STATS.devicebridge, which every replica gives.
// Nothing in it is secret.
type Standing struct {
	// CallbackKeys are those in its ring, in their order; none without commands.
	CallbackKeys []KeyPrint `json:"callbackKeys,omitempty"`
	// Waits is what keeps commands from being sent by it now.
	Waits []Wait `json:"waits,omitempty"`
}

// KeyPrint tells keys apart: two replicas whose prints of one key id differ refuse
// each other's callbacks. A print says nothing of its key.
type KeyPrint struct {
	ID    string `json:"id"`
	Print string `json:"print"`
}
