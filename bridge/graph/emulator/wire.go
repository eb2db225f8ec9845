package emulator

import (
	"encoding/json"
	"time"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

type stepJSON struct {
	Status string        `json:"status"`
	After  wire.Duration `json:"after,omitempty"`
	Error  string        `json:"error,omitempty"`
	Custom bool          `json:"custom,omitempty"`
}

func (s stepJSON) step() Step {
	return Step{Status: s.Status, After: time.Duration(s.After), Error: s.Error, Custom: s.Custom}
}

// steps keeps the difference between null, which is the default script, and an empty list.
func steps(list []stepJSON) []Step {
	if list == nil {
		return nil
	}
	script := make([]Step, len(list))
	for i, s := range list {
		script[i] = s.step()
	}
	return script
}

// anyKeys keeps the values as they were written: numbers do not become float64.
func anyKeys(keys map[string]json.RawMessage) map[string]any {
	if keys == nil {
		return nil
	}
	m := make(map[string]any, len(keys))
	for k, v := range keys {
		m[k] = v
	}
	return m
}

type deviceJSON struct {
	ID           string                     `json:"id"`
	Name         string                     `json:"name"`
	Kind         string                     `json:"kind"`
	Platform     string                     `json:"platform"`
	Model        string                     `json:"model"`
	Manufacturer string                     `json:"manufacturer"`
	Status       string                     `json:"status"`
	Script       []stepJSON                 `json:"script"`
	Response     map[string]json.RawMessage `json:"response"`
}

func newDeviceJSON(d *device) deviceJSON {
	v := deviceJSON{
		ID: d.ID, Name: d.Name, Kind: d.Kind, Platform: d.Platform,
		Model: d.Model, Manufacturer: d.Manufacturer, Status: d.Status, Response: d.appKeys,
	}
	if d.Script != nil {
		v.Script = make([]stepJSON, len(d.Script))
	}
	for i, s := range d.Script {
		v.Script[i] = stepJSON{Status: s.Status, After: wire.Duration(s.After), Error: s.Error, Custom: s.Custom}
	}
	return v
}

type receivedJSON struct {
	Seq             int       `json:"seq"`
	At              time.Time `json:"at"`
	DeviceID        string    `json:"deviceId"`
	CommandID       string    `json:"commandId,omitempty"`
	Taken           bool      `json:"taken"`
	Answered        bool      `json:"answered"`
	HTTPStatus      int       `json:"httpStatus"`
	Fault           FaultKind `json:"fault,omitempty"`
	RequestID       string    `json:"requestId"`
	ClientRequestID string    `json:"clientRequestId"`
	// Body is the body itself when it is JSON, else a string of it.
	Body any `json:"body"`
}

func newReceivedJSON(r Received) receivedJSON {
	v := receivedJSON{
		Seq: r.Seq, At: r.At, DeviceID: r.DeviceID, CommandID: r.CommandID, Taken: r.Taken, Answered: r.Answered,
		HTTPStatus: r.HTTPStatus, Fault: r.Fault, RequestID: r.RequestID, ClientRequestID: r.ClientRequestID,
		Body: json.RawMessage(r.Body),
	}
	if !json.Valid(r.Body) {
		v.Body = string(r.Body)
	}
	return v
}
