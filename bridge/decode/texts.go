package decode

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"devicebridge/events"
)

// CheckValue returns what keeps a value from being taken, whatever it is for: a text
// with half of a surrogate pair, or too much nesting. The error names the value by its
// path, as far into the value as the fault is. value is valid JSON.
func CheckValue(path string, value json.RawMessage) *events.Error {
	if events.TooDeep(value) {
		return events.Invalid(path, events.DepthWords())
	}
	if events.LoneSurrogate(value) {
		return events.Invalid(surrogatePath(path, value), `has half of a surrogate pair, such as \ud83c alone, which is no character; give both halves, or the character itself`)
	}
	return nil
}

// surrogatePath returns the path of the member that has the half of a pair. The half
// may stand in the name of a member: then it is the path of the object.
func surrogatePath(path string, value json.RawMessage) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(value, &members) == nil {
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if inner := members[name]; events.LoneSurrogate(inner) {
				return surrogatePath(path+"."+events.Truncate(name, MaxName), inner)
			}
		}
	}
	var items []json.RawMessage
	if json.Unmarshal(value, &items) == nil {
		for i, inner := range items {
			if events.LoneSurrogate(inner) {
				return surrogatePath(path+"."+strconv.Itoa(i), inner)
			}
		}
	}
	return path
}
