package bridge

import (
	"context"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/bridge/decode"
	"devicebridge/events"
)

// CreateCallback mints a callback URL for a command that somebody else sends.
func (b *Bridge) CreateCallback(ctx context.Context, header map[string][]string, data []byte) (events.Receipt, error) {
	r, fault := decode.Strict[events.CallbackRequest](data)
	if fault == nil {
		fault = takeMessageID(header, &r.RequestID)
	}
	if fault == nil {
		fault = checkIDs(r.RequestID, r.CorrelationID)
	}
	if fault == nil && r.DeviceID != "" {
		fault = checkDevice(r.DeviceID)
	}
	if fault == nil {
		fault = checkDuration(&r.ExpiresIn, b.ExpiresMax)
	}
	if fault != nil {
		return events.Receipt{}, fault
	}
	stored, err := b.register(ctx, header, r)
	if err != nil {
		return events.Receipt{}, err
	}
	receipt := b.receipt(stored.Command)
	receipt.CallbackURL = b.Callbacks.CallbackURL(stored.Command.ID, b.callbackExpiry(stored.Command))
	return receipt, nil
}

func (b *Bridge) register(ctx context.Context, header map[string][]string, r events.CallbackRequest) (events.Stored, error) {
	now := b.Now()
	life := b.ExpiresDefault
	if r.ExpiresIn != "" {
		life, _ = time.ParseDuration(r.ExpiresIn) // checked by checkDuration
	}
	id := events.RandomCommandID()
	if r.RequestID != "" {
		id = events.RequestCommandID(r.RequestID)
	}
	parent, state := traceContext(header)
	e := command.New(events.Command{
		ID: id, RequestID: r.RequestID, CorrelationID: r.CorrelationID, DeviceID: r.DeviceID,
		RequestSHA256: fingerprint("callback", events.Request{DeviceID: r.DeviceID, ExpiresIn: r.ExpiresIn}),
		ExpiresAt:     now.Add(life),
		TraceParent:   parent,
		TraceState:    state,
	}, command.OnRegister, now)
	stored, err := b.create(ctx, e, func() error { return nil })
	if err != nil {
		return stored, err
	}
	// Nothing else wakes anybody for a command that the bridge does not send.
	if err := b.Timers.Arm(ctx, id, stored.Command.ExpiresAt); err != nil {
		b.Log.Warn("timer not set", "command", id, "error", err)
		return stored, events.Unavailable("the callback is registered but its expiry could not be set; ask again under the same request id")
	}
	return stored, nil
}
