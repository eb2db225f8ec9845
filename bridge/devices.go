package bridge

import (
	"context"
	"errors"
	"net/http"

	"devicebridge/bridge/decode"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// Devices lists the account's own devices.
func (b *Bridge) Devices(ctx context.Context, data []byte) (events.DevicesReply, error) {
	if _, fault := decode.Strict[struct{}](data); fault != nil {
		return events.DevicesReply{}, fault
	}
	devices, err := b.Directory.Devices(ctx)
	if err != nil {
		return events.DevicesReply{}, b.graphRefusal("devices.list", err)
	}
	if devices == nil {
		devices = []events.Device{}
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
	device, err := b.Directory.Device(ctx, r.ID)
	if graph.IsNotFound(err) {
		return events.DeviceReply{}, events.NotFound("no device of this account has that id")
	}
	if err != nil {
		return events.DeviceReply{}, b.graphRefusal("devices.get", err)
	}
	return events.DeviceReply{Device: device}, nil
}

// graphRefusal tells a requester why Graph did not answer a question of theirs.
func (b *Bridge) graphRefusal(operation string, err error) error {
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
