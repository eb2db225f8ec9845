package bridge

import (
	"context"
	"errors"
	"net/http"

	"devicebridge/bridge/decode"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// Devices lists the account's own devices, as Graph told them half a minute ago at
// most; with `refresh` Graph is asked anew.
func (b *Bridge) Devices(ctx context.Context, data []byte) (events.DevicesReply, error) {
	r, fault := decode.Strict[events.DevicesRequest](data)
	if fault != nil {
		return events.DevicesReply{}, fault
	}
	maxAge := devicesKept
	if r.Refresh {
		maxAge = 0
	}
	devices, err := b.devices.all(ctx, maxAge)
	if err != nil {
		return events.DevicesReply{}, b.graphRefusal("devices.list", err)
	}
	return events.DevicesReply{Devices: devices}, nil
}

// Device gives one of the account's own devices.
func (b *Bridge) Device(ctx context.Context, data []byte) (events.DeviceReply, error) {
	r, fault := decode.Strict[events.IDRequest](data)
	if fault != nil {
		return events.DeviceReply{}, fault
	}
	if r.ID == "" {
		return events.DeviceReply{}, events.Invalid("id", "is missing; `devices.list` gives the ids")
	}
	device, found, err := b.devices.find(ctx, r.ID)
	if err != nil {
		return events.DeviceReply{}, b.graphRefusal("devices.get", err)
	}
	if !found {
		return events.DeviceReply{}, events.NotFound("no device of this account has that id")
	}
	return events.DeviceReply{Device: device}, nil
}

// graphRefusal tells a requester why Graph did not answer a question of theirs.
func (b *Bridge) graphRefusal(operation string, err error) error {
	if open, ok := errors.AsType[*graph.CircuitOpenError](err); ok {
		return events.Unavailable(open.Error() + "; ask again then")
	}
	if missing, ok := errors.AsType[*graph.SignInError](err); ok {
		return events.Unavailable(missing.Error())
	}
	// Not for those above, which are told of when they begin and which anybody who asks
	// could otherwise fill the log with.
	b.Log.Warn("Graph did not answer", "operation", operation, "error", err)
	answer, ok := errors.AsType[*graph.Error](err)
	if !ok {
		return events.Unavailable("Graph could not be asked now; ask again")
	}
	code := events.CodeUnavailable
	if answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden {
		code = events.CodeForbidden
	}
	return &events.Error{Code: code, Message: answer.Error(), HTTPStatus: answer.StatusCode, RequestID: answer.RequestID}
}
