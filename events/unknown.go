package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// unknownMembers are the members of a JSON object that this version has no field
// for, as they stand between its braces, sorted by name. During an upgrade an
// older replica folds the records of a newer one, and must not drop what that
// wrote. A text, unlike a map, is carried along by every copy of a record and
// cannot be changed through one; and it can be compared.
type unknownMembers string

// decodeOpen reads a JSON object into a T, a struct without methods for JSON, and
// gives the members that T has no field for. Names count as in encoding/json,
// where they match a field in any letter case: such a member is a known one.
// Where one comes twice, the last counts.
func decodeOpen[T any](data []byte) (T, unknownMembers, error) {
	var known T
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	if strict.Decode(&known) == nil && strict.InputOffset() == int64(len(data)) {
		return known, "", nil
	}
	var object map[string]json.RawMessage
	known = *new(T)
	if err := json.Unmarshal(data, &known); err != nil {
		return known, "", err
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return known, "", err
	}
	names := memberNames(reflect.TypeFor[T]())
	maps.DeleteFunc(object, func(name string, _ json.RawMessage) bool {
		return slices.ContainsFunc(names, func(known string) bool { return strings.EqualFold(known, name) })
	})
	if len(object) == 0 {
		return known, "", nil
	}
	text, err := Marshal(object)
	if err != nil {
		return known, "", err
	}
	return known, unknownMembers(text[1 : len(text)-1]), nil
}

// errNull has a list with a null among its objects kept as it came.
var errNull = errors.New("null is not a JSON object")

// decodeOdd is decodeOpen for what Graph sends: a member that is no Optional and is
// not a text is kept with the unknown ones, as it came.
func decodeOdd[T any](data []byte) (T, unknownMembers, error) {
	if string(data) == "null" {
		return *new(T), "", errNull
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return decodeOpen[T](data) // which says what is wrong
	}
	odd := map[string]json.RawMessage{}
	for _, name := range plainNames(reflect.TypeFor[T]()) {
		for given, value := range object {
			if strings.EqualFold(given, name) && json.Unmarshal(value, new(string)) != nil || given == name && string(value) == "null" {
				odd[given] = value
				delete(object, given)
			}
		}
	}
	if len(odd) == 0 {
		return decodeOpen[T](data)
	}
	rest, err := Marshal(object)
	if err != nil {
		return *new(T), "", err
	}
	known, unknown, err := decodeOpen[T](rest)
	if err != nil {
		return known, "", err
	}
	text, err := Marshal(odd)
	if err != nil {
		return known, "", err
	}
	if unknown != "" {
		unknown += ","
	}
	return known, unknown + unknownMembers(text[1:len(text)-1]), nil
}

// plainNames gives the names of a struct's members that are texts.
func plainNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && f.Type.Kind() == reflect.String {
			names = append(names, name)
		}
	}
	return names
}

// encodeOpen gives the JSON object of known, a struct, followed by the unknown
// members.
func encodeOpen(known any, unknown unknownMembers) ([]byte, error) {
	text, err := Marshal(known)
	if err != nil || unknown == "" {
		return text, err
	}
	separator := ","
	if len(text) == len("{}") {
		separator = ""
	}
	return slices.Concat(text[:len(text)-1], []byte(separator), []byte(unknown), []byte("}")), nil
}

// memberNames gives the names of a struct's members in JSON.
func memberNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}
