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
	// Digest tells two reports of a retry apart that differ in more than the casing of
	// member names, the wrapping or the response payload. Other reports have none: they
	// are told apart by their status.
	Digest string
}

// ParseObservations reads a command as Graph may send it: member names in any
// case, the command bare, in {"value": {…}} or in {"value": […]}, `status` or
// `actionStatus`, "null" for null. Graph documents the samples this is drawn
// from and no schema for a postback at all, so unknown members are allowed and
// the only demands are a JSON object that says something: a status, an id or a
// response payload. It gives at least one observation or an error that quotes
// nothing of the body.
func ParseObservations(body []byte) ([]Observation, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(body) {
		return nil, errors.New("the body is not valid UTF-8")
	}
	told, err := tell(body)
	if err != nil {
		return nil, err
	}
	if told.value == nil || told.status != nil {
		o, err := observe(told)
		if err != nil {
			return nil, err
		}
		return []Observation{o}, nil
	}
	list := []json.RawMessage{told.value}
	if bytes.HasPrefix(bytes.TrimSpace(told.value), []byte("[")) {
		list = nil
		if err := json.Unmarshal(told.value, &list); err != nil || len(list) == 0 {
			return nil, errors.New("value is an empty list")
		}
	}
	if len(list) > maxObservations {
		return nil, fmt.Errorf("value holds more than %d commands", maxObservations)
	}
	observations := make([]Observation, 0, len(list))
	for _, raw := range list {
		inner, err := tell(raw)
		if err != nil {
			return nil, fmt.Errorf("value: %w", err)
		}
		o, err := observe(inner)
		if err != nil {
			return nil, fmt.Errorf("value: %w", err)
		}
		observations = append(observations, o)
	}
	return observations, nil
}

func observe(told report) (Observation, error) {
	var o Observation
	if told.status != nil {
		if o.Status = text(told.status); o.Status == "" || len(o.Status) > maxStatus {
			return Observation{}, fmt.Errorf("status is not a string of 1 to %d bytes", maxStatus)
		}
	}
	if told.id != nil {
		if o.GraphID = text(told.id); o.GraphID == "" || len(o.GraphID) > maxGraphID {
			return Observation{}, fmt.Errorf("id is not a string of 1 to %d bytes", maxGraphID)
		}
	}
	o.Error = errorText(told.failure)
	if told.payload != nil {
		o.ResponsePayload = Compact(told.payload)
	}
	if o.Status == "" && o.GraphID == "" && o.ResponsePayload == nil {
		return Observation{}, errors.New("neither a status, an id nor a response payload")
	}
	if o.Status != "" && StateOfStatus(o.Status) == StateRetry {
		o.Digest = digest(told.body)
	}
	return o, nil
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
