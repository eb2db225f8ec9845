package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Exchange is one request to the Graph side and the answer to it.
type Exchange struct {
	W http.ResponseWriter
	R *http.Request
	// RequestID is Graph's id of the request, ClientRequestID the caller's or else the same.
	RequestID, ClientRequestID string
	// At is when the request came, UTC.
	At time.Time
	// InnerError is the name of the error object's inner member, which Graph's pages spell in two ways.
	InnerError string
}

// NewExchange sets the headers that every answer of Graph carries: request-id, client-request-id (the caller's, or
// the request id where there is none that can be trusted), Date and x-ms-ags-diagnostic.
func NewExchange(w http.ResponseWriter, r *http.Request, innerError string) *Exchange {
	x := &Exchange{W: w, R: r, RequestID: uuid.NewString(), At: time.Now().UTC(), InnerError: innerError}
	x.ClientRequestID = x.RequestID
	if id := r.Header.Get("Client-Request-Id"); IsGUID(id) {
		x.ClientRequestID = id
	}
	h := w.Header()
	h.Set("Request-Id", x.RequestID)
	h.Set("Client-Request-Id", x.ClientRequestID)
	h.Set("Date", x.At.Format(http.TimeFormat))
	h.Set("X-Ms-Ags-Diagnostic", `{"ServerInfo":{"DataCenter":"Emulator","Slice":"E","Ring":"0","ScaleUnit":"000","RoleInstance":"emulator"}}`)
	return x
}

// Outcome is an answer that is ready to be written. The zero value is no answer at all.
type Outcome struct {
	Status int
	Body   []byte
	// Plain marks a body that is text and not JSON.
	Plain bool
}

// Refusal gives Graph's error object, and sets the headers that belong to it. An error that is not a Fail is a 500: it
// can only be a fault of the emulator.
func (x *Exchange) Refusal(err error) Outcome {
	f, ok := errors.AsType[*Fail](err)
	if !ok {
		f = ServerError(http.StatusInternalServerError)
	}
	for k, v := range f.Header {
		x.W.Header().Set(k, v)
	}
	if f.Status == http.StatusUnauthorized {
		x.W.Header().Set("WWW-Authenticate", challenge(x.R, f.Reason))
	}
	inner := map[string]string{
		"date":              x.At.Format("2006-01-02T15:04:05"),
		"request-id":        x.RequestID,
		"client-request-id": x.ClientRequestID,
	}
	maps.Copy(inner, f.Inner)
	object := map[string]any{"code": f.Code, "message": f.Message, x.InnerError: inner}
	if len(f.Details) > 0 {
		object["details"] = f.Details
	}
	body, _ := Encode(map[string]any{"error": object}) // strings only, which cannot fail
	return Outcome{Status: f.Status, Body: body}
}

// Success gives body as JSON.
func (x *Exchange) Success(status int, body any) Outcome {
	b, err := Encode(body)
	if err != nil {
		return x.Refusal(err)
	}
	return Outcome{Status: status, Body: b}
}

// Write sends the answer. It flushes, so that what is sent next by this process does not overtake the answer. A 204
// goes without a body and its headers.
func (x *Exchange) Write(o Outcome) {
	h := x.W.Header()
	switch {
	case o.Status == http.StatusNoContent:
		x.W.WriteHeader(o.Status)
		return
	case o.Plain:
		h.Set("Content-Type", "text/plain")
	default:
		h.Set("Content-Type", "application/json; charset=utf-8")
	}
	h.Set("Content-Length", strconv.Itoa(len(o.Body)))
	x.W.WriteHeader(o.Status)
	// A client that went away is no fault of the emulator, and there is nobody left to tell.
	if _, err := x.W.Write(o.Body); err == nil {
		_ = http.NewResponseController(x.W).Flush()
	}
}

// Encode writes JSON without HTML escapes: a payload with & or < comes back as it was sent.
func Encode(body any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
