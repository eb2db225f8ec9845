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
	// Digest tells two observations apart that differ in more than the casing of
	// member names, the wrapping or the response payload.
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
	object, err := members(body)
	if err != nil {
		return nil, err
	}
	value, wrapped := object["value"]
	if !wrapped || object["status"] != nil || object["actionstatus"] != nil {
		o, err := observe(object)
		if err != nil {
			return nil, err
		}
		return []Observation{o}, nil
	}
	list := []json.RawMessage{value}
	if bytes.HasPrefix(bytes.TrimSpace(value), []byte("[")) {
		list = nil
		if err := json.Unmarshal(value, &list); err != nil || len(list) == 0 {
			return nil, errors.New("value is an empty list")
		}
	}
	if len(list) > maxObservations {
		return nil, fmt.Errorf("value holds more than %d commands", maxObservations)
	}
	observations := make([]Observation, 0, len(list))
	for _, raw := range list {
		inner, err := members(raw)
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

// members gives the members of a JSON object by their lower-case names, without
// those that are null. Where two names differ only in case, the one that sorts
// last counts: lower case sorts after upper case, and is what Graph documents.
func members(body []byte) (map[string]json.RawMessage, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, errors.New("not a JSON object")
		}
		return nil, errors.New("malformed JSON")
	}
	if raw == nil {
		return nil, errors.New("not a JSON object")
	}
	lower := make(map[string]json.RawMessage, len(raw))
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		if v := raw[name]; !isNull(v) {
			lower[strings.ToLower(name)] = v
		}
	}
	return lower, nil
}

func isNull(v json.RawMessage) bool {
	v = bytes.TrimSpace(v)
	return len(v) == 0 || bytes.Equal(v, []byte("null")) || bytes.Equal(v, []byte(`"null"`))
}

func observe(object map[string]json.RawMessage) (Observation, error) {
	var o Observation
	status := object["status"]
	if second := object["actionstatus"]; status == nil && second != nil {
		status = second
		object["status"] = second // for the digest: the name makes no difference
	}
	delete(object, "actionstatus")
	if status != nil {
		if err := json.Unmarshal(status, &o.Status); err != nil || o.Status == "" || len(o.Status) > maxStatus {
			return Observation{}, fmt.Errorf("status is not a string of 1 to %d bytes", maxStatus)
		}
	}
	if id := object["id"]; id != nil {
		if err := json.Unmarshal(id, &o.GraphID); err != nil || o.GraphID == "" || len(o.GraphID) > maxGraphID {
			return Observation{}, fmt.Errorf("id is not a string of 1 to %d bytes", maxGraphID)
		}
	}
	o.Error = errorText(object["error"])
	if payload := object["responsepayload"]; payload != nil {
		o.ResponsePayload = Compact(payload)
	}
	if o.Status == "" && o.GraphID == "" && o.ResponsePayload == nil {
		return Observation{}, errors.New("neither a status, an id nor a response payload")
	}
	o.Digest = digest(object)
	return o, nil
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

func digest(object map[string]json.RawMessage) string {
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
