package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/events"
)

// CreateDevice POSTs a new device and gives it as Graph answers, with its id.
// Like every change here it is asked for once, and a second time only after 401:
// what Graph throttled is for the caller to repeat. The error wraps an *Error
// where Graph answered; IsUncertain tells whether the change may have been made.
func (d *Directory) CreateDevice(ctx context.Context, device events.DirectoryDevice) (events.DirectoryDevice, error) {
	const operation = opCreateDirectory
	body, err := d.change(ctx, operation, http.MethodPost, d.root(), device)
	if err != nil {
		return events.DirectoryDevice{}, fail(operation, err)
	}
	created, err := parseDevice(body)
	if err != nil {
		return events.DirectoryDevice{}, fail(operation, uncertainError{err})
	}
	return created, nil
}

// UpdateDevice PATCHes a device: what changes has is set, null clears.
func (d *Directory) UpdateDevice(ctx context.Context, key DeviceKey, changes events.DirectoryDevice) error {
	return d.changeObject(ctx, opUpdateDirectory, http.MethodPatch, changes, key)
}

// DeleteDevice DELETEs a device.
func (d *Directory) DeleteDevice(ctx context.Context, key DeviceKey) error {
	return d.changeObject(ctx, opDeleteDirectory, http.MethodDelete, nil, key)
}

// changeObject changes what is at a device, or below it, and answers nothing.
func (d *Directory) changeObject(ctx context.Context, operation, method string, content any, key DeviceKey, below ...string) error {
	target, err := d.objectURL(key, below...)
	if err != nil {
		return fail(operation, err)
	}
	if _, err := d.change(ctx, operation, method, target, content); err != nil {
		return fail(operation, err)
	}
	return nil
}

// change sends one request that is no GET, with content as JSON where it is not
// nil, and gives the body of a 2xx.
func (d *Directory) change(ctx context.Context, operation, method, target string, content any) ([]byte, error) {
	current := &call{operation: operation}
	if content != nil {
		body, err := events.Marshal(content)
		if err != nil {
			return nil, err
		}
		current.body = body
	}
	ctx, cancel := withTimeout(ctx, d.client.postTimeout)
	defer cancel()
	err := d.client.do(policy.WithRetryOptions(ctx, noRetries()), method, target, current)
	return answerOf(current.last, err)
}

// answerOf judges by the last request that was handed to the transport: those
// before it were answered with 401. Where there was none, nothing has left.
func answerOf(a *attempt, err error) ([]byte, error) {
	switch {
	case a == nil:
		return nil, err
	case a.resp == nil && a.mayHaveLeft():
		return nil, uncertainError{a.err}
	case a.resp == nil:
		return nil, a.err
	case !success(a.resp.StatusCode):
		return nil, refusalOf(a, err)
	}
	body, err := payloadOf(a.resp)
	if err != nil {
		return nil, uncertainError{fmt.Errorf("answer %d: %w", a.resp.StatusCode, err)}
	}
	return body, nil
}

// refusalOf gives the error of an answer outside 2xx. err is that of the
// pipeline: after a 401 no other token was to be had.
func refusalOf(a *attempt, err error) error {
	var refusal error = readError(a)
	if err != nil {
		refusal = fmt.Errorf("%w; then: %w", refusal, err)
	}
	_, hasRetryAfter := parseRetryAfter(a.resp.Header, time.Now())
	if outcomeOf(a.resp.StatusCode, hasRetryAfter) == Unknown {
		return uncertainError{refusal}
	}
	return refusal
}

// uncertainError is the error of a change that may have been made.
type uncertainError struct{ error }

func (e uncertainError) Unwrap() error { return e.error }

// IsUncertain reports whether err leaves open if a change that Directory was
// asked for was made: read the device before asking again.
func IsUncertain(err error) bool {
	_, ok := errors.AsType[uncertainError](err)
	return ok
}
