package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"devicebridge/events"
)

// object is a device, member by member.
type object map[string]json.RawMessage

// read takes a device apart. Annotations are left out: in OData's JSON format the
// members with an @ in their name, which tell of the answer and not of the device.
func read(device json.RawMessage) (object, error) {
	var o object
	if err := json.Unmarshal(device, &o); err != nil {
		return nil, fmt.Errorf("a device is not a JSON object: %w", err)
	}
	if o == nil {
		return nil, errors.New("a device is not a JSON object but null")
	}
	for name := range o {
		if strings.Contains(name, "@") {
			delete(o, name)
		}
	}
	return o, nil
}

// merge gives the known device with the members of change in the place of its own.
// A null is a value: Graph gives it for a member that was emptied.
//
// whole says that change is all there is of the device, as in the first sight of a
// full read. Then a known member that is absent is gone, unless it is null: Graph
// leaves out members that are not set.
func merge(known, change object, whole bool) object {
	merged := make(object, len(known)+len(change))
	for name, value := range known {
		if !whole || string(bytes.TrimSpace(value)) == "null" {
			merged[name] = value
		}
	}
	for name, value := range change {
		merged[name] = value
	}
	return merged
}

// same reports whether two devices have the same members with the same values,
// however they are spelled.
func same(a, b object) (bool, error) {
	if len(a) != len(b) {
		return false, nil
	}
	for name, text := range a {
		other, has := b[name]
		if !has {
			return false, nil
		}
		if bytes.Equal(text, other) {
			continue
		}
		x, err := value(text)
		if err != nil {
			return false, fmt.Errorf("member %s: %w", name, err)
		}
		y, err := value(other)
		if err != nil || !reflect.DeepEqual(x, y) {
			return false, err
		}
	}
	return true, nil
}

// value reads a member. A number keeps its digits: two that a float cannot tell
// apart are two.
func value(text json.RawMessage) (v any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&v)
	return v, err
}

// write gives a device as JSON, its members sorted by name.
func write(o object) (json.RawMessage, error) { return events.Marshal(o) }
