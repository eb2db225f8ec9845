package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Profile is the spelling and wrapping of what the emulator answers and posts back. Requests are read in any casing.
type Profile string

// The casings that Graph's pages and metadata have shown over the years.
const (
	// Documents is what the pages show: camelCase members, a bare command object. The zero value means this.
	Documents Profile = "documents"
	// Pascal is the metadata from before 2021: Status, Type, AppServiceName and so on, with a lower-case id.
	Pascal Profile = "pascal"
	// Wrapped is Documents, with the status answer and the postbacks as {"value": {...}}, as the example on
	// Graph's "Get device command status" page has it.
	Wrapped Profile = "wrapped"
)

// Profiles gives the known profiles.
func Profiles() []Profile { return []Profile{Documents, Pascal, Wrapped} }

// ParseProfile takes the text of a profile; empty text means Documents. An unknown one is an error that lists the known ones.
func ParseProfile(text string) (Profile, error) {
	if text == "" {
		return Documents, nil
	}
	if p := Profile(text); slices.Contains(Profiles(), p) {
		return p, nil
	}
	return "", fmt.Errorf("profile %q is not one of %q", text, Profiles())
}

// commandView is a command in the members and the order of the documents.
type commandView struct {
	ID                string          `json:"id"`
	Status            string          `json:"status"`
	Type              *string         `json:"type"`
	AppServiceName    *string         `json:"appServiceName"`
	PackageFamilyName *string         `json:"packageFamilyName"`
	Error             *string         `json:"error"`
	PermissionTicket  *string         `json:"permissionTicket"`
	PostBackURI       *string         `json:"postBackUri"`
	Payload           json.RawMessage `json:"payload"`
	ResponsePayload   json.RawMessage `json:"responsePayload,omitempty"`
}

// pascalCommandView differs from commandView in its tags only, so that one converts to the other.
type pascalCommandView struct {
	ID                string          `json:"id"`
	Status            string          `json:"Status"`
	Type              *string         `json:"Type"`
	AppServiceName    *string         `json:"AppServiceName"`
	PackageFamilyName *string         `json:"PackageFamilyName"`
	Error             *string         `json:"Error"`
	PermissionTicket  *string         `json:"PermissionTicket"`
	PostBackURI       *string         `json:"PostBackUri"`
	Payload           json.RawMessage `json:"Payload"`
	// The metadata spells this one in lower case throughout.
	ResponsePayload json.RawMessage `json:"responsepayload,omitempty"`
}

// created gives the body of the answer to a POST, which no document shows wrapped.
func (p Profile) created(v commandView) any {
	if p == Pascal {
		return pascalCommandView(v)
	}
	return v
}

// current gives the body of a status answer and of a postback.
func (p Profile) current(v commandView) any {
	if p == Wrapped {
		return map[string]any{"value": v}
	}
	return p.created(v)
}

type deviceView struct {
	Name         string `json:"name"`
	ID           string `json:"id"`
	Manufacturer string `json:"manufacturer"`
	Model        string `json:"model"`
	Kind         string `json:"kind"`
	Status       string `json:"status"`
	Platform     string `json:"platform"`
	Context      string `json:"@odata.context,omitempty"`
}

type pascalDeviceView struct {
	Name         string `json:"Name"`
	ID           string `json:"id"`
	Manufacturer string `json:"Manufacturer"`
	Model        string `json:"Model"`
	Kind         string `json:"Kind"`
	Status       string `json:"Status"`
	Platform     string `json:"Platform"`
	Context      string `json:"@odata.context,omitempty"`
}

// device gives a device; context is its @odata.context, empty inside a list.
func (p Profile) device(d *Device, context string) any {
	v := deviceView{
		Name: d.Name, ID: d.ID, Manufacturer: d.Manufacturer, Model: d.Model,
		Kind: d.Kind, Status: d.Status, Platform: d.Platform, Context: context,
	}
	if p == Pascal {
		return pascalDeviceView(v)
	}
	return v
}

// innerError is the name of the error object's inner member, which Graph's pages spell in two ways.
func (p Profile) innerError() string {
	if p == Pascal {
		return "innererror"
	}
	return "innerError"
}
