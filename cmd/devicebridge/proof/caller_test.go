package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"devicebridge/events"
)

const (
	// tryFor bounds one attempt of a caller, tryEvery spaces the attempts.
	tryFor   = 2 * time.Second
	tryEvery = 200 * time.Millisecond
)

// request gives a request that is told from all others by marker. typ is
// events.TypeLaunchURI or events.TypeAppService.
func request(marker, device string, typ events.Type, expiresIn time.Duration) events.Request {
	q := events.Request{
		DeviceID: device, Type: string(typ), ExpiresIn: expiresIn.String(),
		Payload: json.RawMessage(fmt.Sprintf(`{"uri":"https://example.com/","marker":%q}`, marker)),
	}
	if typ == events.TypeAppService {
		q.AppServiceName, q.PackageFamilyName = "com.example.proof", "Example.App_8wekyb3d8bbwe"
	}
	return q
}

// send asks for a command over the micro service, again and again under one
// request id (the marker) until there is a receipt. It fails when ctx ends before
// that, and when the request is refused for good.
func (r *rig) send(ctx context.Context, q events.Request) (events.Receipt, error) {
	marker := markerOf(q.Payload)
	if q.RequestID == "" {
		q.RequestID = marker
	}
	acknowledge := r.ledger.ask(asked{Marker: marker})
	for {
		var receipt events.Receipt
		err := r.client.Request(ctx, "commands.send", q, &receipt, 0)
		if err == nil {
			acknowledge(receipt.Command.ID)
			return receipt, nil
		}
		for _, final := range []events.Code{events.CodeInvalid, events.CodeForbidden, events.CodeConflict, events.CodeTooLarge} {
			if events.HasCode(err, final) {
				return receipt, fmt.Errorf("request %s is refused: %w", marker, err)
			}
		}
		if !pace(ctx, tryEvery) {
			return receipt, fmt.Errorf("request %s has no receipt: %w", marker, err)
		}
	}
}

// enqueue publishes a request to the intake stream, once. An error says only that
// it was not acknowledged: it may be there all the same.
func (r *rig) enqueue(ctx context.Context, q events.Request) error {
	acknowledge := r.ledger.ask(asked{Marker: markerOf(q.Payload), Queued: true})
	if _, err := r.client.Enqueue(ctx, q); err != nil {
		return err
	}
	acknowledge("")
	return nil
}
