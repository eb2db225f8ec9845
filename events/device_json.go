package events

import (
	"encoding/json"
	"strings"
)

// plainDevice is Device without its methods, for encoding/json; a name that is odd is
// left out.
type plainDevice struct {
	ID           string  `json:"id"`
	Name         *string `json:"name,omitempty"`
	Kind         string  `json:"kind,omitempty"`
	Platform     string  `json:"platform,omitempty"`
	Model        string  `json:"model,omitempty"`
	Manufacturer string  `json:"manufacturer,omitempty"`
	Status       string  `json:"status,omitempty"`
}

// UnmarshalJSON reads a device. A member that is no text is kept and written as it
// came, under its own name in lower case; a number as id is the text of its digits.
// Unknown members are dropped.
func (d *Device) UnmarshalJSON(data []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	*d = Device{}
	fields := map[string]*string{
		"id": &d.ID, "name": &d.Name, "kind": &d.Kind, "platform": &d.Platform, "model": &d.Model,
		"manufacturer": &d.Manufacturer, "status": &d.Status,
	}
	odd := map[string]json.RawMessage{}
	for given, value := range object {
		name := strings.ToLower(given)
		field, known := fields[name]
		if !known || json.Unmarshal(value, field) == nil {
			continue
		}
		var number json.Number
		if name == "id" && json.Unmarshal(value, &number) == nil {
			d.ID = number.String()
			continue
		}
		odd[name] = value
	}
	if len(odd) == 0 {
		return nil
	}
	text, err := Marshal(odd)
	if err != nil {
		return err
	}
	d.odd = unknownMembers(text[1 : len(text)-1])
	return nil
}

// MarshalJSON gives the device with the members that are no texts as they came.
func (d Device) MarshalJSON() ([]byte, error) {
	plain := plainDevice{
		ID: d.ID, Name: &d.Name, Kind: d.Kind, Platform: d.Platform, Model: d.Model, Manufacturer: d.Manufacturer, Status: d.Status,
	}
	var odd map[string]json.RawMessage
	if err := json.Unmarshal([]byte("{"+string(d.odd)+"}"), &odd); err != nil {
		return nil, err
	}
	if odd["name"] != nil {
		plain.Name = nil
	}
	return encodeOpen(plain, d.odd)
}
