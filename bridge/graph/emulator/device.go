package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// Device is one device of the signed-in account, and how it behaves.
//
// Kind, Platform and Status are free text: Graph's "List user devices" page calls kind the form factor and says
// of status "online or offline", while its own example says "Unknown".
type Device struct {
	// ID is opaque: one to 256 bytes of UTF-8 without control characters, compared exactly. Graph's example is a GUID.
	ID string
	// Name, Kind, Platform, Model, Manufacturer and Status are shown as they are.
	Name, Kind, Platform, Model, Manufacturer, Status string
	// Script is what every command to this device goes through. Nil means DefaultScript. An empty script that is
	// not nil leaves the command in "requesting" until Drive, or the control surface, moves it.
	Script []Step
	// Response holds the keys that the app on the device answers an AppService command with, once it is completed.
	// Nil means the keys of Graph's example: MsIgnoredParameter, CreationDate, Type.
	Response map[string]any
}

// DefaultDevices gives ten devices of several kinds and platforms. Each behaves in its own way, so that together
// they show every documented status; the name says which. Two have ids that need escaping in a URL or a subject.
func DefaultDevices() []Device {
	return []Device{
		{
			ID: "6841b3db-2b55-467b-ad84-79a41a4ef665", Name: "JimSurface", Kind: "Tablet", Platform: "Windows",
			Model: "Surface Book", Manufacturer: "Microsoft Corporation", Status: "Unknown",
		},
		{
			ID: "0f4c6a52-9b1e-4c38-8d07-5a2be1f3c9d4", Name: "Desktop on a bad line (retry, then completed)", Kind: "Desktop",
			Platform: "Windows", Model: "Studio 2", Manufacturer: "Contoso", Status: "Online",
			Script: []Step{
				{Status: StatusSentToTarget},
				{Status: StatusRetry},
				{Status: StatusSentToTarget},
				{Status: StatusExecuting},
				{Status: StatusCompleted},
			},
		},
		{
			ID: "b7d1e6c0-3f52-49aa-a1c4-6e8f0d2b7a13", Name: "Laptop in connected standby (commandDropped)", Kind: "Laptop",
			Platform: "Windows", Model: "Surface Laptop", Manufacturer: "Microsoft Corporation", Status: "Online",
			Script: []Step{{Status: StatusSentToTarget}, {Status: StatusCommandDropped, Error: "The device is in connected standby."}},
		},
		{
			ID: "2c9e8f14-7a60-4d3b-b5e2-1d04c6a9f7b8", Name: "Phone without a network (failedToSend)", Kind: "Phone",
			Platform: "Android", Model: "Pixel", Manufacturer: "Google", Status: "Offline",
			Script: []Step{{Status: StatusFailedToSend, Error: "The device could not be reached."}},
		},
		{
			ID: "e35a0b96-d8c7-4f21-9e6d-70b4f8a1c2e5", Name: "Phone whose app crashes (executionFailed)", Kind: "Phone",
			Platform: "Windows", Model: "Lumia 950", Manufacturer: "Microsoft Corporation", Status: "Online",
			Script: []Step{
				{Status: StatusSentToTarget},
				{Status: StatusExecuting},
				{Status: StatusExecutionFailed, Error: "The app ended without an answer."},
			},
		},
		{
			ID: "91f7d2ac-5e04-4b89-8c3f-b2a6e0d71f45", Name: "Console that is never on (expired)", Kind: "Xbox",
			Platform: "Xbox", Model: "Xbox One", Manufacturer: "Microsoft Corporation", Status: "Offline",
			Script: []Step{{Status: StatusSentToTarget}, {Status: StatusExpired}},
		},
		{
			ID: "5d08b1e7-c2f3-4a96-b7d0-3e9a4c6f8012", Name: "Headset behind a broken service (error)", Kind: "Holographic",
			Platform: "Windows", Model: "HoloLens", Manufacturer: "Microsoft Corporation", Status: "Online",
			Script: []Step{{Status: StatusError, Error: "Internal error while processing the command."}},
		},
		{
			ID: "a4c2f9d8-16be-47e5-90a3-8f7d5b0e6c21", Name: "Board that cancels (cancel, cancelling, canceled)", Kind: "Iot",
			Platform: "Linux", Model: "Pi 3", Manufacturer: "Raspberry", Status: "Online",
			Script: []Step{{Status: StatusSentToTarget}, {Status: StatusCancel}, {Status: StatusCancelling}, {Status: StatusCanceled}},
		},
		{
			ID: "kitchen.hub~1", Name: "Hub with a status of its own (custom, then completed)", Kind: "Hub", Platform: "Windows",
			Model: "Core 10", Manufacturer: "Fabrikam", Status: "Online",
			Script: []Step{{Status: StatusSentToTarget}, {Status: StatusCustom}, {Status: StatusCompleted}},
		},
		{
			ID: "living-room.TV~2", Name: "Television with odd characters in its id", Kind: "Television", Platform: "Android",
			Model: "Panel 55", Manufacturer: "Contoso", Status: "Online",
		},
	}
}

// validate says what is wrong with the device; every message begins with name.
func (d Device) validate(name string) error {
	var errs []error
	switch {
	case d.ID == "" || len(d.ID) > 256:
		errs = append(errs, fmt.Errorf("%s.ID: must have 1 to 256 bytes", name))
	case !utf8.ValidString(d.ID) || strings.ContainsFunc(d.ID, unicode.IsControl):
		errs = append(errs, fmt.Errorf("%s.ID: must be UTF-8 without control characters", name))
	}
	errs = append(errs, validateScript(name+".Script", d.Script), validateResponse(name+".Response", d.Response))
	return errors.Join(errs...)
}

func validateResponse(name string, response map[string]any) error {
	if _, err := appAnswer(response); err != nil {
		return fmt.Errorf("%s: cannot be written as JSON: %w", name, err)
	}
	return nil
}

// appAnswer fixes the keys and values of a response as JSON, so that later changes to the caller's map have no effect.
func appAnswer(response map[string]any) (map[string]json.RawMessage, error) {
	var answer map[string]json.RawMessage
	if response != nil {
		answer = make(map[string]json.RawMessage, len(response))
	}
	for k, v := range response {
		raw, err := wire.Encode(v)
		if err != nil {
			return nil, err
		}
		answer[k] = raw
	}
	return answer, nil
}

// newDevice fixes a valid Device: later changes to the caller's slices and maps have no effect.
func newDevice(d Device) *device {
	keys, _ := appAnswer(d.Response) // validated by New
	d.Script = slices.Clone(d.Script)
	return &device{Device: d, appKeys: keys}
}
