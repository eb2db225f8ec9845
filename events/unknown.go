package events

import (
	"bytes"
	"encoding/json"
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
