package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/events"
)

// CommandRequest is a command to send.
type CommandRequest struct {
	DeviceID string
	Type     events.Type
	// Payload is any JSON value; nil leaves it out.
	Payload json.RawMessage
	// AppServiceName and PackageFamilyName name the app service that an
	// appService command calls.
	AppServiceName, PackageFamilyName string
	// PostBackURI is where Graph reports progress; empty asks for none.
	PostBackURI string
}

// Send POSTs the command to me/devices/{id}/commands and gives what Graph says
// of it: always with Graph's id, whatever the 2xx. Its error is always a
// *SendError that says whether the command may be sent again. A context that
// ends under way is one more failure to classify.
func (c *Client) Send(ctx context.Context, r CommandRequest) (events.Observation, error) {
	target, err := c.url(r.DeviceID, "commands")
	if err != nil {
		return events.Observation{}, &SendError{Outcome: Refused, Err: fmt.Errorf("device id: %w", err)}
	}
	body, err := encode(r)
	if err != nil {
		return events.Observation{}, &SendError{Outcome: Refused, Err: err}
	}
	ctx, cancel := withTimeout(ctx, c.postTimeout)
	defer cancel()
	current := &call{operation: opSend, body: body, secrets: []string{lastSegment(r.PostBackURI)}}
	err = c.do(policy.WithRetryOptions(ctx, noRetries()), http.MethodPost, target, current)
	return conclude(current.last, err)
}

// conclude judges by the last request that was handed to the transport: those
// before it were answered with 401. Where there was none, nothing has left.
func conclude(a *attempt, err error) (events.Observation, error) {
	switch {
	case a == nil:
		failure := &SendError{Outcome: NotTaken, Err: err}
		if open, ok := errors.AsType[*CircuitOpenError](err); ok {
			failure.RetryAfter = open.Wait()
		}
		return events.Observation{}, failure
	case a.resp == nil && a.mayHaveLeft():
		return events.Observation{}, &SendError{Outcome: Unknown, Err: a.err}
	case a.resp == nil:
		return events.Observation{}, &SendError{Outcome: NotTaken, Err: a.err}
	case success(a.resp.StatusCode):
		o, err := taken(a)
		if err != nil {
			return events.Observation{}, &SendError{Outcome: Unknown, Err: err}
		}
		return o, nil
	}
	failure := &SendError{Err: readError(a)}
	failure.RetryAfter, failure.HasRetryAfter = parseRetryAfter(a.resp.Header, time.Now())
	failure.Outcome = outcomeOf(a.resp.StatusCode, failure.HasRetryAfter)
	if err != nil { // no other token was to be had after the 401
		failure.Err = fmt.Errorf("%w; then: %w", failure.Err, err)
	}
	return events.Observation{}, failure
}

// taken reads a 2xx. Without an id of exactly one command it says nothing that
// could be followed up.
func taken(a *attempt) (events.Observation, error) {
	status := a.resp.StatusCode
	if a.err != nil {
		return events.Observation{}, fmt.Errorf("answer %d: %w", status, a.err)
	}
	body, err := payloadOf(a.resp)
	if err != nil {
		return events.Observation{}, fmt.Errorf("answer %d: %w", status, err)
	}
	observations, err := events.ParseObservations(body)
	if err != nil {
		return events.Observation{}, fmt.Errorf("answer %d: %w", status, err)
	}
	if len(observations) != 1 || observations[0].GraphID == "" {
		return events.Observation{}, fmt.Errorf("answer %d: no command with an id", status)
	}
	return observations[0], nil
}

// wireCommand spells the request as the examples of Graph's send-device-command
// page do; postBackUri, which has no example, as Graph's metadata does.
type wireCommand struct {
	Type              string          `json:"type"`
	AppServiceName    string          `json:"appServiceName,omitempty"`
	PackageFamilyName string          `json:"packageFamilyName,omitempty"`
	Payload           json.RawMessage `json:"payload,omitempty"`
	PostBackURI       string          `json:"postBackUri,omitempty"`
}

func encode(r CommandRequest) ([]byte, error) {
	wire := wireCommand{
		AppServiceName:    r.AppServiceName,
		PackageFamilyName: r.PackageFamilyName,
		Payload:           r.Payload,
		PostBackURI:       r.PostBackURI,
	}
	switch r.Type {
	case events.TypeLaunchURI:
		wire.Type = "LaunchUri"
	case events.TypeAppService:
		wire.Type = "AppService"
	default:
		return nil, fmt.Errorf("type: neither %s nor %s", events.TypeLaunchURI, events.TypeAppService)
	}
	if len(r.Payload) > 0 && !json.Valid(r.Payload) {
		return nil, errors.New("payload: not valid JSON")
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // so that the app gets the payload as the caller wrote it
	if err := encoder.Encode(wire); err != nil {
		return nil, fmt.Errorf("encode the command: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// lastSegment gives what follows the last slash of a URL: the token, in the
// bridge's callback URLs.
func lastSegment(uri string) string { return uri[strings.LastIndexByte(uri, '/')+1:] }
