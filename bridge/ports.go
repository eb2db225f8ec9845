package bridge

import (
	"context"
	"encoding/json"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// Stream holds every event of every command.
type Stream interface {
	// Append stores an event as the next of its command and gives its stream
	// sequence; events.ErrLost when it is not proven to be that.
	Append(ctx context.Context, kind events.Kind, c events.Command, expected uint64) (uint64, error)
	// Latest reads the latest event of a command from the stream's leader.
	Latest(ctx context.Context, command string) (events.Stored, error)
	// Accepted reads its first event, `accepted`; events.CodeNotFound where the stream
	// does not have it any more, or never had.
	Accepted(ctx context.Context, command string) (events.Stored, error)
	// LatestResponse reads its latest response event.
	LatestResponse(ctx context.Context, command string) (events.Stored, error)
	// Confirm returns once a majority of the stream's servers has confirmed who leads
	// it: a leader that is cut off from the others still answers reads. asked is false
	// where there is one server. Errors: *events.Error with CodeUnavailable.
	Confirm(ctx context.Context) (asked bool, err error)
}

// Shelf is the stream seen as a list of commands.
type Shelf interface {
	// Newest gives the commands created, or erased, before a stream sequence, newest first.
	Newest(ctx context.Context, deviceID string, before uint64, limit int) (page []events.Created, next uint64, err error)
	// Usage gives how full the stream is, 0 to 1.
	Usage(ctx context.Context) float64
	// Dispatched returns the stream sequence up to which accepted events have come to
	// Dispatch: those after it are still to come by themselves. false: that is not known,
	// or none are coming.
	Dispatched(ctx context.Context) (sequence uint64, coming bool)
	// EachOpen calls see for every command accepted or registered at or after since
	// that may not have ended, and for every erased one, oldest first; at is when that
	// was.
	EachOpen(ctx context.Context, since time.Time, see func(command string, at time.Time, erased bool) error) error
}

// Watcher follows events live, as they are stored, at most once each.
type Watcher interface {
	SubscribeCommand(ctx context.Context, command string) (next func(context.Context) (events.Stored, error), stop func(), err error)
	SubscribeKind(ctx context.Context, kind events.Kind) (next func(context.Context) (events.Stored, error), stop func(), err error)
}

// Timers wake the bridge to look at a command, once at least, at or shortly
// after the time.
type Timers interface {
	Arm(ctx context.Context, command string, at time.Time) error
	// Armed reports whether a timer of the command stands, or is due and not done.
	Armed(ctx context.Context, command string) (bool, error)
	// AllArmed gives all those commands, in one look that may miss some.
	AllArmed(ctx context.Context) (map[string]struct{}, error)
	// Ask wakes the bridge at, or shortly after, a time, beside the command's timer, to
	// ask Graph about the command: a delivery with Confirm. try counts how often that
	// was tried; one Ask takes the place of another.
	Ask(ctx context.Context, command string, at time.Time, try int) error
}

// Payloads keeps response payloads that fit no message, as long as events are
// kept.
type Payloads interface {
	// PutPayload stores a payload; the same name again is the same payload.
	PutPayload(ctx context.Context, name string, payload []byte) (events.ObjectRef, error)
	// PayloadChunk gives the chunk after the one with cursor after, 0 for the first,
	// and its cursor; 0 with the last.
	PayloadChunk(ctx context.Context, ref events.ObjectRef, after uint64) (chunk []byte, next uint64, err error)
}

// Eraser takes away for good what is kept of a command.
type Eraser interface {
	// MayErase gives nil where NATS lets the bridge delete, or an *events.Error.
	MayErase(ctx context.Context) error
	// Sequences gives the stream sequences of a command's events, oldest first, as the
	// leader has them. CodeConflict: the stream is one of which nothing can be erased.
	Sequences(ctx context.Context, command string) ([]uint64, error)
	// Erase erases the command's objects, its timers and, last, its events before a
	// stream sequence, and gives what it took away, with an error too.
	Erase(ctx context.Context, command string, before uint64) (events.Erased, error)
}

// Sender sends commands to Graph.
type Sender interface {
	// Ready says whether a send could begin now: a token is in hand, and Graph is
	// not being left alone.
	Ready(ctx context.Context) error
	// Send posts a command once. Its error is a *graph.SendError.
	Send(ctx context.Context, r graph.CommandRequest) (events.Observation, error)
}

// Observer asks Graph about a command it has taken.
type Observer interface {
	Command(ctx context.Context, deviceID, graphID string) (events.Observation, error)
	ResponsePayload(ctx context.Context, deviceID, graphID string) (json.RawMessage, error)
}

// Directory lists the account's devices.
type Directory interface {
	Devices(ctx context.Context) ([]events.Device, error)
}

// Policy is what the operator allows, beyond what the form of a request allows.
type Policy interface {
	// Admit gives a request in the form in which it is to be sent, or refuses it with
	// code `forbidden` and gives it back as it was.
	Admit(r events.Request) (events.Request, *events.Error)
	// Turn says how long a command has to wait before it may be sent, 0 when now. It is
	// asked last before the claim. Who cannot come before until gets no turn.
	Turn(command, device string, now, until time.Time) time.Duration
	// Delay tells how long a command that asked for its turn now would have to wait. It
	// takes no place.
	Delay(device string, now time.Time) time.Duration
}

// Tracer follows what is done for commands.
type Tracer interface {
	// Resume goes on with the trace of a command whose record was read for what woke
	// the bridge: a timer or a postback.
	Resume(ctx context.Context, c events.Command) context.Context
	// Step begins a named part of the work for a command; end ends it.
	Step(ctx context.Context, name string) (_ context.Context, end func())
}

// untraced follows nothing.
type untraced struct{}

// Resume gives ctx as it is.
func (untraced) Resume(ctx context.Context, _ events.Command) context.Context { return ctx }

// Step gives ctx as it is.
func (untraced) Step(ctx context.Context, _ string) (context.Context, func()) { return ctx, func() {} }

// Callbacks mints the URL that Graph calls back for a command.
type Callbacks interface {
	CallbackURL(command string, expiry time.Time) string
	// Tokens returns the token of CallbackURL under every key, so that it is kept out
	// of what Graph answers.
	Tokens(command string, expiry time.Time) []string
}
