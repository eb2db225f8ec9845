package events_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"devicebridge/events"
	"devicebridge/schemas/validate"
)

// TestWhatGoWritesFitsTheSchemas validates records and every request and reply
// with all their members set.
func TestWhatGoWritesFitsTheSchemas(t *testing.T) {
	set, err := validate.Compile()
	if err != nil {
		t.Fatal(err)
	}
	device := events.Device{
		ID: "6841b3db", Name: "JimSurface", Kind: "Tablet", Platform: "Windows", Model: "Surface Book", Manufacturer: "Microsoft Corporation",
		Status: "Unknown",
	}
	filter := events.Subjects{}.CommandFilter(command)
	documents := map[string][]any{
		"command": {deferred(), inline(), stored(), sparse(), erased()},
		"request": {
			events.Request{
				RequestID: "order-4711", CorrelationID: "basket-42", DeviceID: "6841b3db", Type: "AppServices", Payload: []byte(`{}`),
				AppServiceName: "a", PackageFamilyName: "p", ExpiresIn: "1h30m", RetryOf: command,
			},
			events.Request{DeviceID: "6841b3db", Type: "LaunchURI", Payload: []byte(`{"uri":"https://e.com"}`)},
		},
		"receipt": {
			events.Receipt{Command: deferred(), Events: filter},
			events.Receipt{Command: sparse(), Events: filter, CallbackURL: "https://bridge.example.com/postback/x/y"},
		},
		"callback-request": {
			events.CallbackRequest{}, events.CallbackRequest{RequestID: "r", CorrelationID: "c", DeviceID: "d", ExpiresIn: "1m0s"},
		},
		"id-request":       {events.IDRequest{ID: command}},
		"command-reply":    {events.CommandReply{Command: inline()}},
		"response-request": {events.ResponseRequest{ID: command}, events.ResponseRequest{ID: command, Cursor: "4711"}},
		"response-reply": {
			events.ResponseReply{Data: []byte{0xff}, Size: 1, SHA256: strings.Repeat("0f", 32)},
			events.ResponseReply{Data: []byte("{"), Size: 2, SHA256: strings.Repeat("0f", 32), Cursor: "4711"},
		},
		"erase-request": {events.EraseRequest{ID: command}, events.EraseRequest{ID: command, Reason: "asked"}},
		"erase-reply":   {events.EraseReply{Command: erased(), Erased: events.Erased{Events: 2, Objects: 1, Timers: 1}}},
		"quarantine-request": {
			events.QuarantineRequest{Before: deferred().CreatedAt},
			events.QuarantineRequest{Before: deferred().CreatedAt.In(time.FixedZone("", 3600)), Cursor: "4711"},
		},
		"quarantine-reply": {events.QuarantineReply{}, events.QuarantineReply{Examined: 500, Quarantined: 3, Cursor: "4711"}},
		"list-request":     {events.ListRequest{}, events.ListRequest{State: events.StateRetry, DeviceID: "d", Limit: 200, Cursor: "4711"}},
		"list-reply":       {events.ListReply{Commands: []events.Command{}}, events.ListReply{Commands: []events.Command{stored(), sparse()}, Cursor: "1"}},
		"empty-request":    {struct{}{}},
		"devices-request":  {events.DevicesRequest{}, events.DevicesRequest{Refresh: true}},
		"devices-reply":    {events.DevicesReply{Devices: []events.Device{}}, events.DevicesReply{Devices: []events.Device{device, {ID: "x"}}}},
		"device-reply":     {events.DeviceReply{Device: device}},
		"device":           {device},
		"error":            errorReplies(),
	}
	maps.Copy(documents, directoryDocuments(t))
	for name, list := range documents {
		for _, document := range list {
			text, err := json.Marshal(document)
			if err == nil {
				err = set.Validate(name, text)
			}
			if err != nil {
				t.Errorf("%T: %v", document, err)
			}
		}
	}
}

func TestEveryStateFitsTheSchema(t *testing.T) {
	set, err := validate.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range events.States() {
		c := sparse()
		if state == events.StateDeferred {
			c = deferred()
		}
		if state == events.StateErased {
			c = erased()
		}
		c.State, c.Terminal = state, state.Terminal()
		_, body := encode(t, events.KindOf(state), c)
		if err := set.Validate("command", body); err != nil {
			t.Errorf("%s: %v", state, err)
		}
		c.Terminal = !c.Terminal
		_, body = encode(t, events.KindOf(state), c)
		if set.Validate("command", body) == nil {
			t.Errorf("%s: terminal %t is taken", state, c.Terminal)
		}
	}
}

// deferred is full without what only a response event has.
func deferred() events.Command {
	c := full()
	c.ResponsePayload, c.ResponseRef, c.Erased = nil, nil, nil
	return c
}

// inline and stored are response events of a completed command.
func inline() events.Command {
	c := full()
	c.State, c.Terminal, c.Payload, c.RetryAt, c.ResponseRef, c.Erased = events.StateCompleted, true, nil, nil, nil, nil
	return c
}

func stored() events.Command {
	c := full()
	c.State, c.Terminal, c.Payload, c.RetryAt, c.ResponsePayload, c.Erased = events.StateCompleted, true, nil, nil, nil, nil
	return c
}

// sparse has only what every record has.
func sparse() events.Command {
	c := full()
	return events.Command{
		ID: c.ID, State: events.StateRegistered, Round: 1, Response: events.ResponseNone, Sequence: 1, Source: events.SourceCaller,
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, ExpiresAt: c.ExpiresAt,
	}
}

// erased is what is left of an erased command.
func erased() events.Command {
	c := sparse()
	c.State, c.Terminal, c.Sequence = events.StateErased, true, 3
	c.Erased = &events.Erasure{State: events.StateCompleted, Reason: "asked", Events: []uint64{4711, 4712}}
	return c
}

func errorReplies() []any {
	var all []any
	for code := range statuses() {
		all = append(all, events.ErrorReply{Error: &events.Error{Code: code, Message: "m", Field: "f", HTTPStatus: 503, RequestID: "r"}})
	}
	return append(all, events.ErrorReply{Error: events.AsError(events.ErrLost)})
}
