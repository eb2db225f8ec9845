package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"devicebridge/events"
)

// within looks at the objects inside a request, so far as their Go types say what
// they hold. They are open, so that a member which nobody knows is kept; but one
// that is there twice, or is a known one in another letter case, is refused:
// encoding/json takes it for the known one, and which of the two counts differs
// between readers.
func within(path string, value json.RawMessage, t reflect.Type) *events.Error {
	if get, optional := t.MethodByName("Get"); optional { // an events.Optional
		t = get.Type.Out(0)
		if fault := fits(path, value, t); fault != nil {
			return fault
		}
	}
	switch {
	case t.Kind() == reflect.Struct:
		return withinObject(path, value, t)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		var items []json.RawMessage
		_ = json.Unmarshal(value, &items) // what is no list was refused before, or is null
		for i, item := range items {
			if fault := withinObject(path+"."+strconv.Itoa(i), item, t.Elem()); fault != nil {
				return fault
			}
		}
	}
	return nil
}

// fits refuses a value that is no t. The types of what Graph sends keep a member of
// another type as it came, which a request must not have.
func fits(path string, value json.RawMessage, t reflect.Type) *events.Error {
	if len(value) == 0 || string(value) == "null" {
		return nil // it is absent, or empty
	}
	err := json.Unmarshal(value, reflect.New(t).Interface())
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if mismatch.Field != "" {
			path += "." + mismatch.Field
		}
		return mismatchOf(path, mismatch)
	}
	if err != nil {
		return events.Invalid(path, "is not as expected")
	}
	return nil
}

func mismatchOf(field string, mismatch *json.UnmarshalTypeError) *events.Error {
	return events.Invalid(field, fmt.Sprintf("is a JSON %s; %s is needed", events.Truncate(mismatch.Value, MaxName), typeName(mismatch.Type)))
}

func withinObject(path string, value json.RawMessage, t reflect.Type) *events.Error {
	if name, twice := RepeatedMember(value); twice {
		return events.Invalid(path+"."+events.Truncate(name, MaxName), "is given twice")
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(value, &members) // what is no object was refused before, or is null, or a time
	types := memberTypes(t)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if inner, known := types[name]; known {
			if inner.Kind() == reflect.String {
				if fault := fits(path+"."+name, members[name], inner); fault != nil {
					return fault
				}
			}
			if fault := within(path+"."+name, members[name], inner); fault != nil {
				return fault
			}
			continue
		}
		for _, known := range slices.Sorted(maps.Keys(types)) {
			if strings.EqualFold(known, name) {
				return events.Invalid(path+"."+events.Truncate(name, MaxName), "is not a member of this object; did you mean "+known+"?")
			}
		}
	}
	return nil
}

// memberTypes gives the Go types of a struct's members by their names in JSON.
func memberTypes(t reflect.Type) map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			types[name] = f.Type
		}
	}
	return types
}
