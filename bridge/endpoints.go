package bridge

import "context"

// Endpoint is one thing a requester may ask for over NATS.
type Endpoint struct {
	// Name is the subject below the prefix.
	Name, Description string
	// Request and Reply name the JSON Schemas of package schemas.
	Request, Reply string
	// Handle gives the reply or an error; an *events.Error is meant for the caller.
	Handle func(ctx context.Context, header map[string][]string, data []byte) (any, error)
}

// Endpoints lists what the bridge answers.
func (b *Bridge) Endpoints() []Endpoint {
	return []Endpoint{
		{
			Name: "commands.send", Request: "request", Reply: "receipt",
			Description: "store a command for sending and give its receipt; with the header Bridge-Wait, wait for its end",
			Handle: func(ctx context.Context, header map[string][]string, data []byte) (any, error) {
				return b.SendAndWait(ctx, header, data)
			},
		},
		{
			Name: "commands.get", Request: "id-request", Reply: "command-reply",
			Description: "give a command's latest record, with its response payload",
			Handle:      body(b.Get),
		},
		{
			Name: "commands.response", Request: "response-request", Reply: "response-reply",
			Description: "give a piece of a command's response payload; ask again with the cursor for the next",
			Handle:      body(b.Response),
		},
		{
			Name: "commands.list", Request: "list-request", Reply: "list-reply",
			Description: "give commands, newest first",
			Handle:      body(b.List),
		},
		{
			Name: "commands.cancel", Request: "id-request", Reply: "command-reply",
			Description: "cancel a command that was not sent yet",
			Handle:      body(b.Cancel),
		},
		{
			Name: "commands.erase", Request: "erase-request", Reply: "erase-reply",
			Description: "erase the events, response payloads and timers of a command that has ended",
			Handle:      body(b.Erase),
		},
		{
			Name: "commands.quarantine", Request: "quarantine-request", Reply: "quarantine-reply",
			Description: "after a restore, of a paused bridge: call the outcome of older commands that look unsent unknown",
			Handle:      body(b.Quarantine),
		},
		{
			Name: "callbacks.create", Request: "callback-request", Reply: "receipt",
			Description: "mint a callback URL for a command that somebody else sends",
			Handle: func(ctx context.Context, header map[string][]string, data []byte) (any, error) {
				return b.CreateCallback(ctx, header, data)
			},
		},
		{
			Name: "devices.list", Request: "devices-request", Reply: "devices-reply",
			Description: "list the account's own devices, as they were up to half a minute ago; with `refresh` as they are now",
			Handle:      body(b.Devices),
		},
		{
			Name: "devices.get", Request: "id-request", Reply: "device-reply",
			Description: "give one of the account's own devices",
			Handle:      body(b.Device),
		},
	}
}

// body adapts a handler that takes no headers.
func body[R any](handle func(context.Context, []byte) (R, error)) func(context.Context, map[string][]string, []byte) (any, error) {
	return func(ctx context.Context, _ map[string][]string, data []byte) (any, error) { return handle(ctx, data) }
}
