package command

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"devicebridge/events"
)

// MaxEvents is the sequence number from which on a command publishes only what
// ends it: a sender that never stops must not fill the stream.
const MaxEvents = 200

// MaxPayloads is how many different response payloads a command publishes while
// it is under way. Graph documents one, and not when it comes.
const MaxPayloads = 4

// Event is one event to append: its kind and the record it carries.
type Event struct {
	Kind    events.Kind
	Command events.Command
}

// Apply gives the events that follow for command c from input in, in the order
// in which they have to be stored; none when the input changes nothing, when c was
// erased, or when a newer version brought in the state of c. c is the
// record of the command's latest event and is not changed.
func Apply(c events.Command, in Input) []Event {
	list := apply(c, in)
	for i := range list {
		list[i].Command.PlacePayload()
	}
	return list
}

func apply(c events.Command, in Input) []Event {
	if !Known(c) || c.State == events.StateErased {
		return nil // not even Graph's id, which an observation would bring back
	}
	trigger := in.on(c)
	outcome, to := Lookup(c.State, trigger)
	switch in := in.(type) {
	case Observe:
		return observe(c, in, outcome, to)
	case Fetched:
		if outcome == Respond && c.Response == events.ResponsePending {
			return []Event{respond(c, in.At, events.SourcePoll, in.Payload, in.Object)}
		}
		return nil
	case FetchFailed:
		if outcome == Respond && c.Response == events.ResponsePending {
			next := step(c, in.At, events.SourcePoll)
			next.Response, next.Error = events.ResponseFailed, in.Error
			return []Event{{events.KindResponse, next}}
		}
		return nil
	default:
		if outcome != Move {
			return nil
		}
		return []Event{moved(c, in, to)}
	}
}

// moved gives the event of an input of the bridge's own.
func moved(c events.Command, in Input, to events.State) Event {
	var next events.Command
	switch in := in.(type) {
	case Claim:
		next = step(c, in.At, events.SourceDispatch)
		next.Attempt++
	case Defer:
		next = step(c, in.At, events.SourceDispatch)
		retryAt := in.RetryAt.UTC()
		next.Error, next.RetryAt = in.Error, &retryAt
	case LoseTrack:
		next = step(c, in.At, in.Source)
		next.Error = in.Error
	case Refuse:
		next = step(c, in.At, events.SourceDispatch)
		next.Error = in.Error
	case Cancel:
		next = step(c, in.At, events.SourceCaller)
		next.Error = nil
	case Quarantine:
		next = step(c, in.At, events.SourceCaller)
		next.Error = &events.Error{
			Code:    "quarantined",
			Message: "restored from a backup; it may have been sent after that was made",
		}
	case Expire:
		next = step(c, in.At, events.SourceTimer)
		next.Error = &events.Error{
			Code:    "timedOut",
			Message: "no terminal status before " + c.ExpiresAt.UTC().Format(time.RFC3339),
		}
	case Erase:
		next = erased(step(c, in.At, events.SourceCaller), in)
	}
	return Event{events.KindOf(to), enter(next, to)}
}

// observe folds what Graph said: a response payload first, so that whoever sees
// the end has seen the payload, then the status, and Graph's id with either.
func observe(c events.Command, in Observe, outcome Outcome, to events.State) []Event {
	var list []Event
	if takesPayload(c, in.Observation.ResponsePayload, outcome) {
		e := respond(c, in.At, in.Source, in.Observation.ResponsePayload, in.Object)
		e.Command.GraphID = graphID(c, in)
		list, c = append(list, e), e.Command
	}
	if e, ok := follow(c, in, outcome, to); ok {
		list = append(list, e)
	} else if id := graphID(c, in); id != c.GraphID {
		next := step(c, in.At, in.Source)
		next.GraphID = id
		list = append(list, Event{events.KindLinked, next})
	}
	return list
}

// follow gives the event of a status, if it makes one.
func follow(c events.Command, in Observe, outcome Outcome, to events.State) (Event, bool) {
	state := events.StateOfStatus(in.Observation.Status)
	key := statusKey(state, in.Observation)
	kind := events.KindOf(state)
	round := c.Round
	switch outcome {
	case Move:
		kind = events.KindOf(to)
	case Advance:
		if rank(state) < rank(c.State) || rank(state) == rank(c.State) && slices.Contains(c.Seen, key) {
			return Event{}, false
		}
	case Reopen:
		if slices.Contains(c.Seen, key) {
			return Event{}, false
		}
		round++
	case Contradict:
		if slices.Contains(c.Seen, key) {
			return Event{}, false
		}
		kind = events.KindConflict
	default:
		return Event{}, false
	}
	if c.Sequence >= MaxEvents && !state.Terminal() {
		return Event{}, false
	}
	next := step(c, in.At, in.Source)
	next.GraphID = graphID(c, in)
	next.GraphStatus = in.Observation.Status
	next.Error = statusError(state, in.Observation)
	if round > c.Round {
		next.Round = round
		next.Seen = slices.DeleteFunc(next.Seen, func(k string) bool { return !lasting(k) })
	}
	next.Seen = append(next.Seen, key)
	if kind != events.KindConflict {
		next = enter(next, state)
	}
	return Event{kind, next}, true
}

// respond gives the event that brings a response payload, or says where it is.
func respond(c events.Command, at time.Time, source events.Source, payload json.RawMessage, object *events.ObjectRef) Event {
	next := step(c, at, source)
	next.Response, next.ResponsePayload, next.ResponseRef = events.ResponseStored, payload, object
	if object != nil {
		next.ResponsePayload = nil
	}
	next.Seen = append(next.Seen, payloadKey(payload))
	return Event{events.KindResponse, next}
}

// step gives the record of the next event, before what the event changes.
func step(c events.Command, at time.Time, source events.Source) events.Command {
	c.Sequence++
	c.Source = source
	// Clocks of replicas differ; within a command time does not run backwards.
	if at = at.UTC(); at.After(c.UpdatedAt) {
		c.UpdatedAt = at
	}
	c.Seen = slices.Clone(c.Seen)
	c.ResponsePayload, c.ResponseRef = nil, nil
	// Under a claim of an older version the payload stays until the command moves: that
	// version looks for it there when it defers.
	if c.State != events.StateSending {
		dropLarge(&c)
	}
	return c
}

// dropLarge leaves a payload that is not repeated to the command's first event.
func dropLarge(c *events.Command) {
	if len(c.Payload) > events.MaxRepeatedPayload {
		c.Payload = nil
	}
}

// enter brings c to state s and drops what is not kept there.
func enter(c events.Command, s events.State) events.Command {
	c.State, c.Terminal = s, s.Terminal()
	if s != events.StateDeferred {
		c.RetryAt = nil
	}
	switch s {
	case events.StateAccepted:
	case events.StateSending, events.StateDeferred:
		dropLarge(&c)
	default:
		c.Payload = nil
	}
	if s == events.StateSending {
		c.Error = nil
	}
	if s == events.StateCompleted && c.Type == events.TypeAppService && c.Response == events.ResponseNone {
		c.Response = events.ResponsePending
	}
	return c
}

// takesPayload says whether an inline response payload makes a response event:
// it is new, and the command is under way, or is brought out of timedOut by the
// same report, or has completed and its payload is still awaited. An ended command
// keeps the answer it has, whoever knows its callback.
func takesPayload(c events.Command, payload json.RawMessage, status Outcome) bool {
	if payload == nil || slices.Contains(c.Seen, payloadKey(payload)) {
		return false
	}
	cell, _ := Lookup(c.State, OnPayload)
	switch {
	case cell == Respond && c.Terminal:
		return c.Response == events.ResponsePending || c.Response == events.ResponseFailed
	case cell == Respond, status == Move:
		return c.Sequence < MaxEvents && payloads(c) < MaxPayloads
	default:
		return false
	}
}

// payloads counts the response payloads of a command so far.
func payloads(c events.Command) int {
	n := 0
	for _, key := range c.Seen {
		if strings.HasPrefix(key, payloadKeyPrefix) {
			n++
		}
	}
	return n
}

// statusError keeps the text that Graph gave for a command, under the name of
// the status it came with.
func statusError(s events.State, o events.Observation) *events.Error {
	if o.Error == "" {
		return nil
	}
	return &events.Error{Code: events.Code(s), Message: o.Error}
}

// The keys of Command.Seen. Those of a retry and of a payload last for the
// command's life, the others for the round.
const (
	retryKeyPrefix   = "retry:"
	payloadKeyPrefix = "payload:"
	customKeyPrefix  = "custom:"
)

// statusKey names a status in Seen. A retry is named by its whole report: a
// report that comes again is a replay, and must not open another round.
func statusKey(s events.State, o events.Observation) string {
	switch s {
	case events.StateRetry:
		return retryKeyPrefix + o.Digest
	case events.StateCustom:
		return customKeyPrefix + shortHash([]byte(strings.ToLower(o.Status)))
	default:
		return string(s)
	}
}

func payloadKey(payload json.RawMessage) string {
	return payloadKeyPrefix + shortHash(events.Compact(payload))
}

func lasting(key string) bool {
	return strings.HasPrefix(key, retryKeyPrefix) || strings.HasPrefix(key, payloadKeyPrefix)
}

func shortHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// graphID gives Graph's id of the command after the input: the first that came, but
// for Graph's own answer to the POST, which nobody else can have made up.
func graphID(c events.Command, in Observe) string {
	if id := in.Observation.GraphID; id != "" && (c.GraphID == "" || in.Source == events.SourceDispatch) {
		return id
	}
	return c.GraphID
}
