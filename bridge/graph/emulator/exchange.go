package emulator

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

// exchange is one request to the Graph side and the answer to it.
type exchange struct {
	w               http.ResponseWriter
	r               *http.Request
	profile         Profile
	requestID       string
	clientRequestID string
	at              time.Time
}

// newExchange sets the headers that every answer of Graph carries: request-id, client-request-id (the caller's, or
// the request id where there is none that can be trusted), Date and x-ms-ags-diagnostic.
func newExchange(w http.ResponseWriter, r *http.Request, p Profile) *exchange {
	x := &exchange{w: w, r: r, profile: p, requestID: uuid.NewString(), at: time.Now().UTC()}
	x.clientRequestID = x.requestID
	if id := r.Header.Get("Client-Request-Id"); isGUID(id) {
		x.clientRequestID = id
	}
	h := w.Header()
	h.Set("Request-Id", x.requestID)
	h.Set("Client-Request-Id", x.clientRequestID)
	h.Set("Date", x.at.Format(http.TimeFormat))
	h.Set("X-Ms-Ags-Diagnostic", `{"ServerInfo":{"DataCenter":"Emulator","Slice":"E","Ring":"0","ScaleUnit":"000","RoleInstance":"emulator"}}`)
	return x
}

// outcome is an answer that is ready to be written. The zero value is no answer at all.
type outcome struct {
	status int
	body   []byte
}

// refusal gives Graph's error object, and sets the headers that belong to it. An error that is not a fail is a 500: it
// can only be a fault of the emulator.
func (x *exchange) refusal(err error) outcome {
	f, ok := errors.AsType[*fail](err)
	if !ok {
		f = serverError(http.StatusInternalServerError)
	}
	for k, v := range f.header {
		x.w.Header().Set(k, v)
	}
	inner := map[string]string{
		"date":              x.at.Format("2006-01-02T15:04:05"),
		"request-id":        x.requestID,
		"client-request-id": x.clientRequestID,
	}
	maps.Copy(inner, f.inner)
	body, _ := encode(map[string]any{"error": map[string]any{
		"code": f.code, "message": f.message, x.profile.innerError(): inner,
	}}) // strings only, which cannot fail
	return outcome{status: f.status, body: body}
}

// success gives body as JSON.
func (x *exchange) success(status int, body any) outcome {
	b, err := encode(body)
	if err != nil {
		return x.refusal(err)
	}
	return outcome{status: status, body: b}
}

// write sends the answer. It flushes, so that a postback that starts next does not overtake the answer inside this
// process.
func (x *exchange) write(o outcome) {
	x.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	x.w.Header().Set("Content-Length", strconv.Itoa(len(o.body)))
	x.w.WriteHeader(o.status)
	// A client that went away is no fault of the emulator, and there is nobody left to tell.
	if _, err := x.w.Write(o.body); err == nil {
		_ = http.NewResponseController(x.w).Flush()
	}
}

// encode writes JSON without HTML escapes: a payload with & or < comes back as it was sent.
func encode(body any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
