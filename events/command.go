package events

import (
	"encoding/json"
	"strconv"
	"time"
)

// Type is what a command asks of the device.
type Type string

// The command types of Graph's send-device-command page.
const (
	// TypeLaunchURI opens a URI, or the application registered for it.
	TypeLaunchURI Type = "launchUri"
	// TypeAppService calls an app service of an installed application.
	TypeAppService Type = "appService"
)

// Source tells who moved a command.
type Source string

// The sources of an event.
const (
	SourceCaller   Source = "caller"
	SourceDispatch Source = "dispatch"
	SourcePostback Source = "postback"
	SourcePoll     Source = "poll"
	SourceTimer    Source = "timer"
)

// Sources lists every source of an event.
func Sources() []Source {
	return []Source{SourceCaller, SourceDispatch, SourcePostback, SourcePoll, SourceTimer}
}

// Response tells what is known of a command's response payload.
type Response string

// The stages of a response payload.
const (
	// ResponseNone: none is expected, or none is known of.
	ResponseNone Response = "none"
	// ResponsePending: the command completed and its payload has yet to be fetched.
	ResponsePending Response = "pending"
	// ResponseStored: the payload is in the command's last response event.
	ResponseStored Response = "stored"
	// ResponseFailed: the payload could not be had before its deadline.
	ResponseFailed Response = "failed"
)

// Command is the record of one command: the body of every event, complete in
// each, so that the latest event of a command is its state. A copy keeps the
// members of the JSON that it was read from and this version does not know, and
// so do those of Error and ObjectRef.
// Times are UTC; sizes are bytes.
type Command struct {
	// ID is the bridge's id of the command, see RequestCommandID.
	ID string `json:"id"`
	// RequestID and CorrelationID are the caller's own ids.
	RequestID     string `json:"requestId,omitempty"`
	CorrelationID string `json:"correlationId,omitempty"`
	// RetryOf is the id of the command that this one repeats.
	RetryOf string `json:"retryOf,omitempty"`
	// RequestSHA256 is the hex digest of the normalised request without its
	// request id and correlation id: it tells a repeat from a conflict.
	RequestSHA256 string `json:"requestSha256,omitempty"`

	DeviceID          string `json:"deviceId"`
	Type              Type   `json:"type,omitempty"`
	AppServiceName    string `json:"appServiceName,omitempty"`
	PackageFamilyName string `json:"packageFamilyName,omitempty"`
	// Payload is in the command's first event, `accepted`. One of at most
	// MaxRepeatedPayload bytes is also in the events after it as long as the command
	// may still be sent, in sending and deferred; see PlacePayload.
	Payload json.RawMessage `json:"payload,omitempty"`

	State    State `json:"state"`
	Terminal bool  `json:"terminal"`
	// Round counts the attempts of Graph to reach the device: 1, and one more
	// for each `retry` it reports.
	Round int `json:"round"`
	// Seen is what the fold has taken in and must not take in twice.
	Seen []string `json:"seen,omitempty"`

	// GraphID is Graph's id of the command, once known.
	GraphID string `json:"graphId,omitempty"`
	// GraphStatus is the status text exactly as Graph last sent it; in a
	// conflict event it is the contradicting one, while State stands.
	GraphStatus string `json:"graphStatus,omitempty"`

	Error *Error `json:"error,omitempty"`

	Response Response `json:"response"`
	// ResponsePayload and ResponseRef are set in a response event only.
	ResponsePayload json.RawMessage `json:"responsePayload,omitempty"`
	ResponseRef     *ObjectRef      `json:"responseRef,omitempty"`

	// Sequence is n: 1, 2, 3… within the command, without gaps.
	Sequence int `json:"sequence"`
	// Attempt counts the claims to send: 0 before the first.
	Attempt int    `json:"attempt"`
	Source  Source `json:"source"`

	CreatedAt time.Time  `json:"createdAt"`
	UpdatedAt time.Time  `json:"updatedAt"`
	ExpiresAt time.Time  `json:"expiresAt"`
	RetryAt   *time.Time `json:"retryAt,omitempty"`

	// Erased is set in an erased command, whose record keeps no more than this and
	// what a record has to have.
	Erased *Erasure `json:"erased,omitempty"`

	// TraceParent and TraceState are the W3C trace context of the request, kept
	// here because the postback from Graph carries none: as the caller sent it or,
	// where the bridge is traced, of the span that received it.
	TraceParent string `json:"traceparent,omitempty"`
	TraceState  string `json:"tracestate,omitempty"`

	// apart is of the event, not of the body: see PlacePayload.
	apart bool

	unknown unknownMembers
}

// ObjectRef names a payload in a JetStream object store.
type ObjectRef struct {
	Bucket string `json:"bucket"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`

	unknown unknownMembers
}

// Erasure says what was erased of a command, in its last event. UpdatedAt of the
// record is when.
type Erasure struct {
	// State is the one in which the command had ended.
	State State `json:"state"`
	// Reason is in the words of who asked.
	Reason string `json:"reason,omitempty"`
	// Events are the stream sequences of the erased events, oldest first.
	Events []uint64 `json:"events"`
}

// MaxRepeatedPayload is the longest payload, in bytes, that later events of a command
// repeat. A longer one stands in the first event only, so that a command that is sent
// many times does not fill the stream.
const MaxRepeatedPayload = 1 << 10

// PlacePayload has Encode write an event of version 2, which says so, where the record is
// of a command that may still be claimed and whose payload is in the first event only.
// It is called for every event that follows from another.
func (c *Command) PlacePayload() { c.apart = c.lacksPayload() }

// lacksPayload reports whether the command may be claimed, but not be sent from this
// record alone.
func (c *Command) lacksPayload() bool {
	return (c.State == StateAccepted || c.State == StateDeferred) && c.Type != "" && len(c.Payload) == 0
}

// EventID gives the id of the event that carries this record: "<command>.<n>".
// Subscribers de-duplicate on it.
func (c Command) EventID() string { return c.ID + "." + strconv.Itoa(c.Sequence) }

// Ended reports whether nothing more has to happen: the state is terminal and
// no response payload is outstanding.
func (c Command) Ended() bool { return c.Terminal && c.Response != ResponsePending }

// TextSize gives about how long the texts of the record are, in bytes.
func (c Command) TextSize() int {
	n := len(c.RequestID) + len(c.CorrelationID) + len(c.DeviceID) + len(c.AppServiceName) + len(c.PackageFamilyName) +
		len(c.Payload) + len(c.ResponsePayload) + len(c.GraphID) + len(c.GraphStatus) + len(c.TraceState) + len(c.unknown)
	for _, key := range c.Seen {
		n += len(key)
	}
	if c.Error != nil {
		n += len(c.Error.Message) + len(c.Error.unknown)
	}
	return n
}

// Stored is an event as the stream holds it.
type Stored struct {
	// Sequence is the stream's sequence of the event, the value that the next
	// append of this command has to expect.
	Sequence uint64
	Kind     Kind
	Command  Command
	// Writer is the nonce of the append that stored it.
	Writer string
}

// Created names a command by its first event or, once it is erased, by its last.
type Created struct {
	Command string
	// Sequence is the stream sequence of that event.
	Sequence uint64
}
