// Package decode reads the bodies of requests strictly: what is misspelt, given
// twice or of the wrong type is refused with words that name the member. It knows
// no request: the Go type given to Strict says what is asked for.
package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"devicebridge/events"
)

// MaxName bounds what is repeated of a member name nobody knows, or of a number,
// in bytes.
const MaxName = 64

// Strict reads a request body: one JSON object whose members are exactly those
// of T, none of them null or an empty text, or what CheckValue refuses; an empty body
// counts as {}. The objects
// inside it are open where their Go types are, see within. A misspelt member that
// was silently dropped could cost a caller a deadline or an idempotency key.
func Strict[T any](data []byte) (T, *events.Error) {
	var request T
	if len(data) == 0 {
		data = []byte("{}")
	}
	if !utf8.Valid(data) {
		return request, events.Invalid("", "the body is not valid UTF-8")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return request, events.Invalid("", "the body is not a JSON object")
	}
	if name, twice := RepeatedMember(data); twice {
		return request, events.Invalid(events.Truncate(name, MaxName), "is given twice")
	}
	known := memberNames(reflect.TypeFor[T]())
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return request, events.Invalid(events.Truncate(name, MaxName), unknownMember(name, known))
		}
		if text := string(members[name]); text == "null" || text == `""` {
			return request, events.Invalid(name, "is empty; give it a value or leave it out")
		}
		if fault := CheckValue(name, members[name]); fault != nil {
			return request, fault
		}
	}
	if err := json.Unmarshal(data, &request); err != nil {
		if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return request, mismatchOf(mismatch.Field, mismatch)
		}
		return request, unreadableMember[T](members)
	}
	types := memberTypes(reflect.TypeFor[T]())
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if fault := within(name, members[name], types[name]); fault != nil {
			return request, fault
		}
	}
	return request, nil
}

// unreadableMember names the member whose value its Go type refuses; a time is
// the only one that has a form of its own.
func unreadableMember[T any](members map[string]json.RawMessage) *events.Error {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		alone, err := json.Marshal(map[string]json.RawMessage{name: members[name]})
		if err == nil && json.Unmarshal(alone, new(T)) != nil {
			return events.Invalid(name, "is not an RFC 3339 time, such as 2026-11-22T10:00:00Z")
		}
	}
	return events.Invalid("", "the body is not as expected")
}

// RepeatedMember gives a member that a JSON object has twice. Readers differ in
// which one counts, so what was checked here and what a later reader takes could
// be two things.
func RepeatedMember(object json.RawMessage) (name string, twice bool) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return "", false
	}
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return "", false
		}
		if seen[name] {
			return name, true
		}
		seen[name] = true
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return "", false
		}
	}
	return "", false
}

func memberNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func unknownMember(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return "is not a member of this request; did you mean " + k + "?"
		}
	}
	if len(known) == 0 {
		return "is not a member of this request; it takes none"
	}
	return "is not a member of this request; it takes " + strings.Join(known, ", ")
}

// typeName gives a Go type in words, with its article.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Bool:
		return "a boolean"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "a " + t.Kind().String()
	}
}
