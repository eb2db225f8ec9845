package events

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxStatus  = 128
	maxGraphID = 1024
	maxError   = 2048
	// maxObservations bounds a list; Graph documents none, one command is the rule.
	maxObservations = 32
)

// Observation is what Graph says about one command at one moment, in a
// postback, in the answer to the POST or in the answer to a GET. An empty member
// was absent, null, or the string "null" that Graph's sample bodies use for it.
type Observation struct {
	GraphID string
	// Status is the text as received.
	Status string
	// Error is the text of the command's error, cut to 2 KiB.
	Error string
	// ResponsePayload is the app's answer where it came inline, compacted.
	ResponsePayload json.RawMessage
	// PayloadTooDeep says that the response payload that came inline was left out,
	// because it was nested more than MaxDepth deep.
	PayloadTooDeep bool
	// Digest tells two reports of a retry apart that differ in more than the casing of
	// member names, the wrapping or the response payload. Other reports have none: they
	// are told apart by their status.
	Digest string
}

// ParseObservations reads a command as Graph, or a gateway in front of it, may send
// it: member names in any case, the command bare, in a list, in {"value": …},
// {"command": …}, {"commands": …} or {"data": …}, or as JSON in a text; `status` or
// `actionStatus`, "null" for null, a number where a text is documented; in UTF-8 or
// UTF-16; or as a form. Graph documents the samples this is drawn from and no
// schema for a postback at all, so unknown members are allowed, a member that cannot
// be used counts as absent, and so does one of several commands that says nothing. The
// only demand is something that says something: a status, an id or a response
// payload. It gives at least one observation or an error that quotes nothing of the
// body.
func ParseObservations(body []byte) ([]Observation, error) {
	body, err := plainJSON(body)
	if err != nil {
		return nil, err
	}
	observations, err := observeAll(nil, body, maxWraps)
	switch {
	case len(observations) > maxObservations:
		return nil, fmt.Errorf("it holds more than %d commands", maxObservations)
	case len(observations) > 0:
		return observations, nil
	case err == nil:
		err = errors.New("an empty list")
	}
	return nil, err
}

// maxWraps is how many objects and lists a command may be wrapped in.
const maxWraps = 4

// observeAll adds what a value says, and what those in it do. The error is why nothing
// was added for some of them.
func observeAll(list []Observation, value json.RawMessage, wraps int) ([]Observation, error) {
	if value = bytes.TrimSpace(value); bytes.HasPrefix(value, []byte("[")) {
		var elements []json.RawMessage
		if err := json.Unmarshal(value, &elements); err != nil {
			return list, errors.New("malformed JSON")
		}
		if len(elements) == 0 || wraps == 0 {
			return list, errors.New("an empty list, or too many lists in one another")
		}
		var fault error
		for _, element := range elements {
			var err error
			if list, err = observeAll(list, element, wraps-1); err != nil {
				fault = err
			}
			if len(list) > maxObservations {
				return list, nil
			}
		}
		return list, fault
	}
	told, err := tell(value)
	if err != nil {
		return list, err
	}
	if told.value == nil && told.id == nil && told.payload == nil {
		told.value = told.wrapped
	}
	if told.value != nil && textOf(told.status) == "" && wraps > 0 {
		if list, err = observeAll(list, told.value, wraps-1); err != nil {
			err = fmt.Errorf("value: %w", err)
		}
		return list, err
	}
	o, err := observe(told)
	if err != nil {
		return list, err
	}
	return append(list, o), nil
}

func observe(told report) (Observation, error) {
	o := Observation{Status: Truncate(textOf(told.status), maxStatus), Error: errorText(told.failure)}
	if id := textOf(told.id); len(id) <= maxGraphID && !LoneSurrogate(told.id) {
		o.GraphID = id
	}
	if told.payload != nil {
		if o.PayloadTooDeep = TooDeep(told.payload); !o.PayloadTooDeep {
			o.ResponsePayload = Compact(told.payload)
		}
	}
	if o.Status == "" && o.GraphID == "" && o.ResponsePayload == nil {
		switch {
		case o.PayloadTooDeep:
			return Observation{}, errors.New("the response payload " + DepthWords())
		case told.status != nil:
			return Observation{}, errors.New("status is neither a text nor a number")
		default:
			return Observation{}, errors.New("neither a status, an id nor a response payload")
		}
	}
	if o.Status != "" && StateOfStatus(o.Status) == StateRetry {
		o.Digest = digest(told.body)
	}
	return o, nil
}

// textOf gives the string that raw is, or the number as it is written; empty for
// anything else, and for a string of nothing but space.
func textOf(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return string(raw)
	}
	if s := text(raw); strings.TrimSpace(s) != "" {
		return s
	}
	return ""
}

// text gives the string that raw is; empty where it is none.
func text(raw json.RawMessage) string {
	if inside, plain := bytes.CutPrefix(raw, []byte(`"`)); plain && bytes.IndexByte(raw, '\\') < 0 {
		return string(inside[:len(inside)-1])
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// errorText reads the command's error, documented as a string; an object with a
// message is taken too, anything else as its JSON text.
func errorText(raw json.RawMessage) string {
	if raw == nil {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		var object struct{ Message string }
		if json.Unmarshal(raw, &object) == nil && object.Message != "" {
			text = object.Message
		} else {
			text = string(Compact(raw))
		}
	}
	return Truncate(text, maxError)
}

// digest is of the members of a JSON object, in whatever form and order they came.
func digest(body []byte) string {
	object, err := members(body)
	if err != nil {
		return "" // not of a body that told something
	}
	if second := object["actionstatus"]; object["status"] == nil && second != nil {
		object["status"] = second // the name makes no difference
	}
	delete(object, "actionstatus")
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if name == "responsepayload" || name == "payload" || strings.HasPrefix(name, "@") {
			continue
		}
		_, _ = fmt.Fprintf(h, "%q:%s\n", name, Compact(object[name]))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Compact gives raw, which must be valid JSON, without insignificant space.
func Compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

// Truncate cuts text to at most limit bytes, never inside a character.
func Truncate(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
