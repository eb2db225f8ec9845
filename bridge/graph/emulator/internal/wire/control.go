package wire

import (
	"bytes"
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

// OwnPagesOnly answers 403 to a change that a browser sends for a page of another origin, and hands every other request
// on. A page can send a POST without a body to any address, and a control surface asks for no token.
func OwnPagesOnly(next http.Handler) http.Handler {
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		Control(w, nil, &Fail{
			Status: http.StatusForbidden, Code: "accessDenied", Message: "The control surface takes no changes from a page of another origin.",
		})
	}))
	return own.Handler(next)
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

// ControlBody reads a JSON body of at most limit bytes into v and refuses members that v does not have. No body, under
// any content type or none, leaves v as it is: whether something has to be said is for the caller to check. A body has
// to say that it is JSON.
func ControlBody(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return TooLarge(limit)
	}
	if err != nil {
		return BadRequest("The request body could not be read to its end.")
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return Unsupported("The Content-Type of a request with a body must be application/json.")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	err = dec.Decode(v)
	if err == nil {
		if _, end := dec.Token(); end != io.EOF {
			err = errors.New("there is more than one JSON value")
		}
	}
	if err != nil {
		return BadRequest("The request body: %v.", err)
	}
	return nil
}
