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
	x, err := values(a)
	if err != nil {
		return false, err
	}
	y, err := values(b)
	return reflect.DeepEqual(x, y), err
}

func values(o object) (map[string]any, error) {
	all := make(map[string]any, len(o))
	for name, text := range o {
		// A number keeps its digits: two that a float cannot tell apart are two.
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("member %s: %w", name, err)
		}
		all[name] = value
	}
	return all, nil
}

// write gives a device as JSON, its members sorted by name.
func write(o object) (json.RawMessage, error) { return events.Marshal(o) }
