package events

import "time"

// SignIn says how the bridge signs in to Graph and how that stands. Nothing in it
// is secret.
type SignIn struct {
	// Mode is the value of BRIDGE_GRAPH_AUTH.
	Mode string `json:"mode"`
	// State is starting, usable, signedOut, refused, unreadable or unreachable. In
	// all but usable nothing is sent to Graph; Reason says why and what to do.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Account is who is signed in, where a person does.
	Account string `json:"account,omitempty"`
	// ClientID, Tenant and Authority say to which application, and where.
	ClientID  string `json:"clientId,omitempty"`
	Tenant    string `json:"tenant,omitempty"`
	Authority string `json:"authority,omitempty"`
	// Scopes are those that are asked for, Granted those that the person granted.
	Scopes  []string `json:"scopes,omitempty"`
	Granted []string `json:"granted,omitempty"`
	// Key tells which key seals a sign-in, by 8 hexadecimal digits that say nothing of
	// it. KeptIn is nats, or user for the key store of the user who runs the bridge.
	Key    string `json:"key,omitempty"`
	KeptIn string `json:"keptIn,omitempty"`
	// Generation counts who signed in or out.
	Generation uint64 `json:"generation"`
	// SignedInAt is when the person signed in, RefreshedAt when the authority was last
	// asked, TokenExpiresAt when the present token ends and the next is due.
	SignedInAt     *time.Time `json:"signedInAt,omitempty"`
	RefreshedAt    *time.Time `json:"refreshedAt,omitempty"`
	TokenExpiresAt *time.Time `json:"tokenExpiresAt,omitempty"`
}

// SignInReply answers signin.get and signin.replace.
type SignInReply struct {
	SignIn SignIn `json:"signIn"`
	// Waits is what keeps commands from being sent by the replica that answers, of which
	// the sign-in may be one.
	Waits []Wait `json:"waits,omitempty"`
}

// SignInRequest puts a sign-in, or a sign-out, in the place of the present one:
// the body of <prefix>.signin.replace.
type SignInRequest struct {
	// Sealed is the record under the bridge's sign-in key; base64 in JSON.
	Sealed []byte `json:"sealed"`
}
