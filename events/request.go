package events

import (
	"encoding/json"
	"time"
)

// Request asks for a command: the body of <prefix>.commands.send and
// <prefix>.intake.send.
type Request struct {
	RequestID         string          `json:"requestId,omitempty"`
	CorrelationID     string          `json:"correlationId,omitempty"`
	DeviceID          string          `json:"deviceId"`
	Type              string          `json:"type"`
	Payload           json.RawMessage `json:"payload,omitempty"`
	AppServiceName    string          `json:"appServiceName,omitempty"`
	PackageFamilyName string          `json:"packageFamilyName,omitempty"`
	// ExpiresIn is a Go duration such as "10m" or "1h30m".
	ExpiresIn string `json:"expiresIn,omitempty"`
	// RetryOf names an outcomeUnknown or timedOut command that this one repeats.
	RetryOf string `json:"retryOf,omitempty"`
}

// Receipt answers a request: the record as stored, and the subject filter under
// which its events appear.
type Receipt struct {
	Command Command `json:"command"`
	Events  string  `json:"events"`
	// Waits is what keeps a command that is still to be sent from being sent now, as far
	// as the replica that answers knows.
	Waits []Wait `json:"waits,omitempty"`
	// CallbackURL is set in the answer to callbacks.create only.
	CallbackURL string `json:"callbackUrl,omitempty"`
}

// CallbackRequest asks for a callback URL for a command that somebody else
// sends: the body of <prefix>.callbacks.create.
type CallbackRequest struct {
	RequestID     string `json:"requestId,omitempty"`
	CorrelationID string `json:"correlationId,omitempty"`
	DeviceID      string `json:"deviceId,omitempty"`
	ExpiresIn     string `json:"expiresIn,omitempty"`
}

// IDRequest names one command (commands.get, commands.cancel) or one device
// (devices.get).
type IDRequest struct {
	ID string `json:"id"`
}

// CommandReply answers commands.get and commands.cancel.
type CommandReply struct {
	Command Command `json:"command"`
	// Waits is set in the answer to commands.get of a command that is still to be sent:
	// what keeps it from being sent now, as far as the replica that answers knows.
	Waits []Wait `json:"waits,omitempty"`
}

// ResponseRequest asks for a piece of a command's response payload.
type ResponseRequest struct {
	ID string `json:"id"`
	// Cursor is the one of the answer before; empty starts at the beginning.
	Cursor string `json:"cursor,omitempty"`
}

// ResponseReply answers commands.response with the next piece of the payload. The
// pieces, joined until there is no cursor, have Size bytes and this SHA-256.
type ResponseReply struct {
	// Data is base64 in JSON: a piece need not end where a character does.
	Data   []byte `json:"data"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Cursor string `json:"cursor,omitempty"`
}

// EraseRequest asks for a command that has ended to be erased.
type EraseRequest struct {
	ID string `json:"id"`
	// Reason is kept in the command's last event.
	Reason string `json:"reason,omitempty"`
}

// EraseReply answers commands.erase with the command's last event's record, and
// what this request took away: nothing where an earlier one did.
type EraseReply struct {
	Command Command `json:"command"`
	Erased  Erased  `json:"erased"`
}

// Erased counts what was erased: events, response payloads that were objects, and
// timers.
type Erased struct {
	Events  int `json:"events"`
	Objects int `json:"objects"`
	Timers  int `json:"timers"`
}

// QuarantineRequest asks a paused bridge to call unknown the outcome of commands
// that a restored store shows as still to be sent, if they were created before
// the time.
type QuarantineRequest struct {
	Before time.Time `json:"before"`
	// Cursor is the one of the answer before; empty starts at the newest.
	Cursor string `json:"cursor,omitempty"`
}

// QuarantineReply answers commands.quarantine: how many commands were looked at
// and how many of them are outcomeUnknown now. A Cursor says that there are more.
type QuarantineReply struct {
	Examined    int    `json:"examined"`
	Quarantined int    `json:"quarantined"`
	Cursor      string `json:"cursor,omitempty"`
}

// ListRequest asks for commands, newest first.
type ListRequest struct {
	State    State  `json:"state,omitempty"`
	DeviceID string `json:"deviceId,omitempty"`
	// Limit is at most 200; 0 means 50.
	Limit int `json:"limit,omitempty"`
	// Cursor is the one of the answer before; empty starts at the newest.
	Cursor string `json:"cursor,omitempty"`
}

// ListReply answers commands.list. A Cursor says that there may be more, also
// when Commands is short or empty.
type ListReply struct {
	Commands []Command `json:"commands"`
	Cursor   string    `json:"cursor,omitempty"`
}

// Device is one of the account's own devices as Graph lists them. Graph
// documents no list of values for Kind, Platform and Status.
type Device struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Kind         string `json:"kind,omitempty"`
	Platform     string `json:"platform,omitempty"`
	Model        string `json:"model,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`
	Status       string `json:"status,omitempty"`

	// odd are the members that Graph gave as something else than a text.
	odd unknownMembers
}

// DevicesRequest asks for the account's devices.
type DevicesRequest struct {
	// Refresh has Graph asked anew, in the place of what it said a moment ago.
	Refresh bool `json:"refresh,omitempty"`
}

// DevicesReply answers devices.list.
type DevicesReply struct {
	Devices []Device `json:"devices"`
}

// DeviceReply answers devices.get.
type DeviceReply struct {
	Device Device `json:"device"`
}

// ErrorReply is the body of every refused request.
type ErrorReply struct {
	Error *Error `json:"error"`
}
