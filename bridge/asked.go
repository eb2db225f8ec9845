package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// requestPayload returns the payload of a command that is to be sent: that of its
// record, or of its first event where that alone has it. Errors: *events.Error with
// CodeNotFound where no event has it any more, or CodeUnavailable; or
// events.ErrUnreadable.
func (b *Bridge) requestPayload(ctx context.Context, c events.Command) (json.RawMessage, error) {
	if len(c.Payload) > 0 {
		return c.Payload, nil
	}
	first, err := b.Stream.Accepted(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	if first.Command.ID != c.ID || len(first.Command.Payload) == 0 {
		return nil, events.NotFound("the first event of this command has no payload")
	}
	return first.Command.Payload, nil
}

// withoutPayload handles a command that cannot be sent because requestPayload failed
// with err: nothing is ever sent in the payload's place. It returns how long to wait
// before the delivery must come again, 0 when done.
func (b *Bridge) withoutPayload(ctx context.Context, from events.Stored, d Delivery, err error) time.Duration {
	c := from.Command
	switch {
	case events.HasCode(err, events.CodeNotFound):
		after, err := b.fold(ctx, from, given, command.Refuse{At: b.Now(), Attempt: c.Attempt, Error: &events.Error{
			Code:    "payloadGone",
			Message: "the first event of this command, which alone holds its payload, is not in the event stream any more; ask again under a new request id",
		}})
		if err != nil {
			return b.again(c, d)
		}
		return b.wake(ctx, after, d)
	case errors.Is(err, events.ErrUnreadable):
		b.Log.Error("the first event of a command cannot be read; the command waits for a replica that can read it, or for its end", "command", c.ID, "error", err)
		b.Hooks.Unreadable()
		return b.rearm(ctx, from, earlier(b.Now().Add(jitter(longestPause)), c.ExpiresAt), d)
	default:
		return b.again(from.Command, d)
	}
}

// withRequest adds to the latest record of a command what its first event alone has:
// the payload that was asked for, while that is kept and fits the reply.
func (b *Bridge) withRequest(ctx context.Context, c events.Command) (events.Command, error) {
	if len(c.Payload) > 0 || c.Type == "" || c.State == events.StateErased {
		return c, nil
	}
	payload, err := b.requestPayload(ctx, c)
	switch {
	case events.HasCode(err, events.CodeNotFound), errors.Is(err, events.ErrUnreadable):
		return c, nil // the record is good without it
	case err != nil:
		return c, err
	case len(payload)+size(c) > b.MaxMessage-room:
		return c, nil // the response payload goes before it
	}
	c.Payload = payload
	return c, nil
}
