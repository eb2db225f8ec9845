package wire

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// LocalOnly answers 403 to callers that are not on this machine, and hands every other request on.
func LocalOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsLocal(r) {
			Control(w, nil, &Fail{
				Status: http.StatusForbidden, Code: "accessDenied", Message: "The control surface answers callers on this machine only.",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Control answers a call of a control surface: with body, with 204 when body is nil, or with f when it is not nil, as
// Graph's plain error object without the inner part.
func Control(w http.ResponseWriter, body any, f *Fail) {
	status := http.StatusOK
	if f != nil {
		status, body = f.Status, map[string]any{"error": map[string]string{"code": f.Code, "message": f.Message}}
	}
	if body == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	b, err := Encode(body)
	if err != nil {
		http.Error(w, "The answer cannot be written as JSON.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// ControlBody reads a JSON body of at most limit bytes into v and refuses members that v does not have. Asking for
// the content type makes a browser ask first before it sends such a request from a foreign page.
func ControlBody(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return Unsupported("The Content-Type must be application/json.")
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	err := dec.Decode(v)
	if err == nil {
		if _, end := dec.Token(); end != io.EOF {
			err = errors.New("there is more than one JSON value")
		}
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return TooLarge(limit)
	}
	if err != nil {
		return BadRequest("The request body: %v.", err)
	}
	return nil
}
