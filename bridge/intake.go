package bridge

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/bridge/crash"
	"devicebridge/events"
)

const (
	// room is what a record needs in a message beyond the request: headers, and
	// what later events of the command add to it.
	room = 24 << 10
	// fullFrom is the fill of the stream from which on no new command is accepted,
	// so that those accepted can still end.
	fullFrom = 0.8
)

// Send accepts the command that data asks for and gives its receipt, once it is
// stored. The same request id again gives the existing command. Errors are
// *events.Error.
func (b *Bridge) Send(ctx context.Context, header map[string][]string, data []byte) (events.Receipt, error) {
	r, fault := readRequest(header, data, b.ExpiresMax)
	if fault != nil {
		return events.Receipt{}, fault
	}
	id := events.RandomCommandID()
	if r.RequestID != "" {
		id = events.RequestCommandID(r.RequestID)
	}
	stored, err := b.accept(ctx, id, header, r)
	if err != nil {
		return events.Receipt{}, err
	}
	crash.At(crash.SendStored)
	receipt := b.receipt(stored.Command)
	receipt.Waits = b.waitsOf(receipt.Command)
	return receipt, nil
}

// QueuedRequest is one message of the intake stream.
type QueuedRequest struct {
	Header map[string][]string
	Data   []byte
	// Sent is when it was queued; zero: not known.
	Sent time.Time
	// StreamCreated and Sequence name the message for good.
	StreamCreated time.Time
	Sequence      uint64
}

// Take accepts a queued request with the same outcome as Send; a bad one becomes
// a `rejected` event. It gives how long to wait before the message must come
// again, 0 when it is done.
func (b *Bridge) Take(ctx context.Context, q QueuedRequest) time.Duration {
	crash.At(crash.IntakeTaken)
	wait := b.take(ctx, q)
	crash.At(crash.IntakeStored)
	return wait
}

func (b *Bridge) take(ctx context.Context, q QueuedRequest) time.Duration {
	own := events.IntakeCommandID(q.StreamCreated, q.Sequence)
	r, fault := readRequest(q.Header, q.Data, b.ExpiresMax)
	var err error
	switch {
	case !q.Sent.IsZero() && b.Now().Sub(q.Sent) >= b.MaxAge:
		// It may have been taken, and its command have left the stream since: a queue
		// that lost an acknowledgement gives it once more.
		err = events.Invalid("", "the request was queued for longer than events are kept; ask again if it is still wanted")
	case fault != nil:
		err = fault
	default:
		id := own
		if r.RequestID != "" {
			id = events.RequestCommandID(r.RequestID)
		}
		_, err = b.accept(ctx, id, q.Header, r)
	}
	if err == nil {
		return 0
	}
	if refusal, ok := errors.AsType[*events.Error](err); ok && refusal.Code != events.CodeUnavailable {
		if err = b.hasRoom(ctx); err == nil {
			err = b.reject(ctx, own, q.Header, r, refusal)
		}
	}
	if err != nil {
		b.Log.Warn("queued request not taken; it comes again", "intake_sequence", q.Sequence, "error", err)
		return jitter(intakePause)
	}
	return 0
}

// intakePause is how long a queued request waits when it cannot be stored.
const intakePause = 2 * time.Second

// accept stores the first event of the command that r asks for, or gives the
// command if it exists already.
func (b *Bridge) accept(ctx context.Context, id string, header map[string][]string, r events.Request) (events.Stored, error) {
	now := b.Now()
	life := b.ExpiresDefault
	if r.ExpiresIn != "" {
		life, _ = time.ParseDuration(r.ExpiresIn) // checked by readRequest
	}
	parent, state := traceContext(header)
	// The digest is of the request as it was asked for, and only what is sent is in
	// the policy's form: so a repeat stays one whatever the policy has become.
	digest := fingerprint("command", r)
	r, forbidden := b.Policy.Admit(r)
	e := command.New(events.Command{
		ID:                id,
		RequestID:         r.RequestID,
		CorrelationID:     r.CorrelationID,
		RetryOf:           r.RetryOf,
		RequestSHA256:     digest,
		DeviceID:          r.DeviceID,
		Type:              events.Type(r.Type),
		AppServiceName:    r.AppServiceName,
		PackageFamilyName: r.PackageFamilyName,
		Payload:           r.Payload,
		ExpiresAt:         now.Add(life),
		TraceParent:       parent,
		TraceState:        state,
	}, command.OnAccept, now)
	if larger(e.Command, b.MaxMessage-room) {
		return events.Stored{}, events.Refusal(events.CodeTooLarge, "payload", "is too large: the command's record would not fit a NATS message")
	}
	return b.create(ctx, e, func() error {
		if forbidden != nil {
			return forbidden
		}
		return b.checkRetryOf(ctx, id, r.RetryOf)
	})
}

// create stores the first event of a command. When the command exists it gives
// that, if the request was the same, and a conflict if not, or if it was erased. admit is asked only
// for a command that does not exist.
func (b *Bridge) create(ctx context.Context, e command.Event, admit func() error) (events.Stored, error) {
	refusal := admit()
	if refusal == nil {
		refusal = b.hasRoom(ctx)
	}
	if refusal == nil {
		seq, err := b.Stream.Append(ctx, e.Kind, e.Command, 0)
		if err == nil {
			b.logEvent(ctx, e)
			stored := events.Stored{Sequence: seq, Kind: e.Kind, Command: e.Command}
			b.recent.keep(stored)
			return stored, nil
		}
		if !errors.Is(err, events.ErrLost) {
			return events.Stored{}, err
		}
	}
	existing, err := b.Stream.Latest(ctx, e.Command.ID)
	switch {
	case err == nil && existing.Command.State == events.StateErased:
		return events.Stored{}, events.Refusal(events.CodeConflict, "requestId",
			"names command "+e.Command.ID+", which was erased; use a new request id")
	case err == nil && existing.Command.RequestSHA256 == e.Command.RequestSHA256:
		return existing, nil
	case err == nil:
		return events.Stored{}, events.Refusal(events.CodeConflict, "requestId",
			"names command "+e.Command.ID+", which was asked for otherwise; use a new request id")
	case refusal != nil && events.HasCode(err, events.CodeNotFound):
		return events.Stored{}, refusal
	default:
		return events.Stored{}, err
	}
}

// hasRoom refuses what begins a command while the stream is nearly full: what is
// left is for those accepted to end.
func (b *Bridge) hasRoom(ctx context.Context) error {
	if b.Shelf.Usage(ctx) >= fullFrom {
		return events.Unavailable("the event stream is nearly full; ask again when older commands have left it, or raise its limit")
	}
	return nil
}

// checkRetryOf admits a command that names another as the one it repeats.
func (b *Bridge) checkRetryOf(ctx context.Context, id, retryOf string) error {
	if retryOf == "" {
		return nil
	}
	if retryOf == id {
		return events.Invalid("retryOf", "names the command itself; ask under a new request id")
	}
	old, err := b.Stream.Latest(ctx, retryOf)
	if events.HasCode(err, events.CodeNotFound) {
		return events.Invalid("retryOf", "names a command that is not known")
	}
	if err != nil {
		return err
	}
	if s := old.Command.State; s != events.StateOutcomeUnknown && s != events.StateTimedOut {
		return events.Refusal(events.CodeConflict, "retryOf",
			"names a command that is "+string(s)+"; only one that is outcomeUnknown or timedOut may be asked for again")
	}
	return nil
}

// reject stores the refusal of a queued request under an id of its own, so that
// it never touches the command that it may have collided with.
func (b *Bridge) reject(ctx context.Context, id string, header map[string][]string, r events.Request, refusal *events.Error) error {
	now := b.Now()
	parent, state := traceContext(header)
	c := events.Command{
		ID: id, RequestID: events.Truncate(r.RequestID, maxID), CorrelationID: events.Truncate(r.CorrelationID, maxID),
		ExpiresAt: now, Error: refusal,
		TraceParent: parent, TraceState: state,
	}
	if checkDevice(r.DeviceID) == nil {
		c.DeviceID = r.DeviceID
	}
	if typ, ok := commandType(r.Type); ok {
		c.Type = typ
	}
	e := command.New(c, command.OnRefuse, now)
	_, err := b.Stream.Append(ctx, e.Kind, e.Command, 0)
	if errors.Is(err, events.ErrLost) {
		return nil // an earlier delivery of this message was rejected already
	}
	if err == nil {
		b.logEvent(ctx, e)
	}
	return err
}

// maxTraceState is the length of a tracestate that W3C wants propagated, in
// bytes; more would take the room that later events of the command need.
const maxTraceState = 512

// traceContext gives the W3C trace context of a request; what has not its form
// is dropped, as the standard asks.
func traceContext(header map[string][]string) (parent, state string) {
	parent, state = events.HeaderValue(header, events.HeaderTraceParent), events.HeaderValue(header, events.HeaderTraceState)
	if !isTraceParent(parent) {
		return "", ""
	}
	unprintable := func(r rune) bool { return r < ' ' || r > '~' }
	if len(state) > maxTraceState || strings.ContainsFunc(state, unprintable) {
		return parent, ""
	}
	return parent, state
}

// isTraceParent reports whether text has the form of W3C's traceparent:
// 2, 32, 16 and 2 hexadecimal digits in lower case.
func isTraceParent(text string) bool {
	if len(text) != len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") {
		return false
	}
	for i, c := range []byte(text) {
		hyphen := i == 2 || i == 35 || i == 52
		if hyphen != (c == '-') || !hyphen && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// larger reports whether a record's JSON is longer than most bytes. Of a usual record
// that is seen without writing it: no byte takes more than six in JSON, and what
// TextSize leaves out is short.
func larger(c events.Command, most int) bool {
	const others = 4 << 10
	return 6*c.TextSize()+others > most && size(c) > most
}

// size gives the length of a record's JSON, in bytes.
func size(c events.Command) int {
	text, err := events.Marshal(c)
	if err != nil {
		return math.MaxInt32 // what cannot be written fits nowhere; a decoded payload can
	}
	return len(text)
}

func (b *Bridge) receipt(c events.Command) events.Receipt {
	return events.Receipt{Command: c, Events: b.Subjects.CommandFilter(c.ID)}
}

// logEvent writes the one line about a stored event.
func (b *Bridge) logEvent(ctx context.Context, e command.Event) {
	c := e.Command
	b.Hooks.Event(EventFacts{Kind: e.Kind, Source: c.Source, Age: c.UpdatedAt.Sub(c.CreatedAt)})
	level := slog.LevelDebug
	if c.Terminal || e.Kind == events.KindConflict || c.State == events.StateOutcomeUnknown {
		level = slog.LevelInfo
	}
	if !b.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("command", c.ID), slog.String("kind", string(e.Kind)), slog.Int("n", c.Sequence), slog.String("source", string(c.Source)),
	}
	if c.Error != nil {
		attrs = append(attrs, slog.String("code", string(c.Error.Code)))
	}
	b.Log.LogAttrs(ctx, level, "event stored", attrs...)
}
