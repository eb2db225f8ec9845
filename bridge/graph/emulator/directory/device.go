package directory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
)

// Device is a device as Graph's JSON has it: member names and values, where a number is a json.Number or any Go
// number. Members that the documents do not know are kept: the type is open.
type Device map[string]any

// ID gives the object id, empty when there is none.
func (d Device) ID() string { return d.text("id") }

func (d Device) text(name string) string {
	s, _ := d[name].(string)
	return s
}

// Entry is a device with what it is related to.
type Entry struct {
	Device Device `json:"device"`
	// MemberOf are the ids of groups and administrative units, Owners and Users those of users.
	MemberOf []string `json:"memberOf,omitempty"`
	Owners   []string `json:"registeredOwners,omitempty"`
	Users    []string `json:"registeredUsers,omitempty"`
}

// plain brings members into the form in which encoding/json decodes them, with json.Number. It is a deep copy.
func plain(members map[string]any) (map[string]any, error) {
	raw, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("the device cannot be written as JSON: %w", err)
	}
	return decode(raw)
}

func decode(raw []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var members map[string]any
	err := dec.Decode(&members)
	return members, err
}

// whole gives a device with every documented member: null, or an empty collection, where it has no value.
func (s schema) whole(members map[string]any) Device {
	d := Device{}
	for _, p := range s.properties {
		switch p.kind {
		case texts, securities:
			d[p.name] = []any{}
		case extensions:
			d[p.name] = merged(nil, nil)
		default:
			d[p.name] = nil
		}
	}
	return d.with(members)
}

// with gives a copy in which members stand in place of what was there. The fifteen extension attributes are merged,
// as Graph's page "Update device" does it.
func (d Device) with(members map[string]any) Device {
	c := maps.Clone(d)
	maps.Copy(c, members)
	if ext, ok := members["extensionAttributes"].(map[string]any); ok {
		before, _ := d["extensionAttributes"].(map[string]any)
		c["extensionAttributes"] = merged(before, ext)
	}
	return c
}

// merged gives all fifteen extension attributes, null where neither has one.
func merged(before, after map[string]any) map[string]any {
	all := map[string]any{}
	for n := 1; n <= 15; n++ {
		all[fmt.Sprintf("extensionAttribute%d", n)] = nil
	}
	maps.Copy(all, before)
	maps.Copy(all, after)
	return all
}

// differs names the members in which the two differ.
func differs(a, b Device) []string {
	var names []string
	for name := range a {
		if v, ok := b[name]; !ok || !reflect.DeepEqual(a[name], v) {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}
