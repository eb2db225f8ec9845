package signin

import "time"

// State says whether tokens are to be had.
type State string

// The states.
const (
	// Starting: nobody has asked yet.
	Starting State = "starting"
	// Usable: the last token asked for was given.
	Usable State = "usable"
	// SignedOut: nobody is signed in.
	SignedOut State = "signedOut"
	// Refused: the authority refuses, and will until somebody does something.
	Refused State = "refused"
	// Unreadable: the record of the sign-in cannot be opened.
	Unreadable State = "unreadable"
	// Unreachable: the authority, or the store of the record, could not be asked; it is
	// tried again.
	Unreachable State = "unreachable"
)

// States gives every state.
func States() []State { return []State{Starting, Usable, SignedOut, Refused, Unreadable, Unreachable} }

// blocks reports whether nothing can be sent until somebody does something.
func (s State) blocks() bool { return s == SignedOut || s == Refused || s == Unreadable }

// Status is what a sign-in says of itself; nothing in it is secret.
type Status struct {
	Mode  Mode
	State State
	// Reason says in words why State is not usable, and what to do.
	Reason string

	// ClientID, Tenant and Authority are those of the configuration; empty where
	// the mode has none.
	ClientID, Tenant, Authority string
	// Scopes are those that tokens are asked for with, Granted those that the person
	// granted.
	Scopes, Granted []string
	// Key tells which key seals the record, KeptIn where the tokens are: "nats", or
	// "user" for the user's own key store. Only where a person signs in.
	Key, KeptIn string
	// Generation counts who signed in or out so far.
	Generation uint64
	// Account is who is signed in; empty for an application.
	Account string
	// SignedIn, Refreshed and TokenExpires are times of the present sign-in; zero
	// where they are not known.
	SignedIn, Refreshed, TokenExpires time.Time
}

// Serves reports whether requests go on at a time although no token is to be had:
// the one given last has not ended.
func (s Status) Serves(now time.Time) bool {
	return s.State == Unreachable && now.Before(s.TokenExpires)
}

// news reports whether somebody who was told before wants to know.
func (s Status) news(before Status) bool {
	return s.State != before.State || s.Reason != before.Reason || s.Account != before.Account || s.Generation != before.Generation
}
