package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/events"
)

// Command GETs a command's status. Graph's get-device-command-status page shows
// it bare and inside `value`; both are read. The error wraps an *Error where
// Graph answered.
func (c *Client) Command(ctx context.Context, deviceID, graphID string) (events.Observation, error) {
	const operation = opCommand
	target, err := c.url(deviceID, "commands", graphID)
	if err != nil {
		return events.Observation{}, fail(operation, err)
	}
	body, err := c.get(ctx, operation, target)
	if err != nil {
		return events.Observation{}, fail(operation, err)
	}
	observations, err := events.ParseObservations(body)
	if err != nil {
		return events.Observation{}, fail(operation, err)
	}
	if len(observations) == 1 {
		return observations[0], nil
	}
	for _, o := range observations {
		if o.GraphID == graphID {
			return o, nil
		}
	}
	return events.Observation{}, fail(operation, errors.New("the answer lists several commands and not this one"))
}

// ResponsePayload GETs what the app on the device answered. It gives the JSON as
// sent, only without insignificant space and without the top-level
// "@odata.context", which is Graph's and not the app's. The error wraps an
// *Error where Graph answered; an empty or null answer is an error too.
func (c *Client) ResponsePayload(ctx context.Context, deviceID, graphID string) (json.RawMessage, error) {
	const operation = opPayload
	target, err := c.url(deviceID, "commands", graphID, "responsePayload")
	if err != nil {
		return nil, fail(operation, err)
	}
	body, err := c.get(ctx, operation, target)
	if err != nil {
		return nil, fail(operation, err)
	}
	payload, err := appPayload(body)
	if err != nil {
		return nil, fail(operation, err)
	}
	return payload, nil
}

// get gives the body of a 2xx.
func (c *Client) get(ctx context.Context, operation, target string) ([]byte, error) {
	return c.read(ctx, target, &call{operation: operation})
}

// read is get for a call that has headers of its own, or whose answer is looked
// at afterwards.
func (c *Client) read(ctx context.Context, target string, current *call) ([]byte, error) {
	ctx, cancel := withTimeout(ctx, c.getTimeout)
	defer cancel()
	if err := c.do(policy.WithRetryOptions(ctx, c.retries(ctx)), http.MethodGet, target, current); err != nil {
		if a := current.last; a != nil && a.resp != nil && a.resp.StatusCode == http.StatusUnauthorized {
			return nil, fmt.Errorf("%w; then: %w", readError(a), err) // no other token was to be had
		}
		return nil, err
	}
	if !success(current.last.resp.StatusCode) {
		return nil, readError(current.last)
	}
	return payloadOf(current.last.resp)
}

func fail(operation string, err error) error { return fmt.Errorf("graph: %s: %w", operation, err) }
