package batch

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// response is the answer to one request of a batch.
type response struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    any               `json:"body,omitempty"`
}

// Is says whether a path is the batch of one of the versions, each given by its segments, in any casing.
func Is(u *url.URL, versions ...[]string) bool {
	segments, ok := wire.SplitPath(u)
	if !ok {
		return false
	}
	for _, version := range versions {
		if rest, below := wire.CutSegments(segments, version); below && len(rest) == 1 && isBatch(rest[0]) {
			return true
		}
	}
	return false
}

func isBatch(segment string) bool { return strings.EqualFold(segment, "$batch") }

// Serve answers POST {version}/$batch. next answers each of the requests, one after the other in their order; admit
// decides about the batch's own bearer token, which goes to every request that brings none. limit bounds the body.
//
// What next panics with goes on to the caller: an answer that is lost takes the batch's with it.
func Serve(x *wire.Exchange, limit int64, admit func(token string) error, next http.Handler) {
	requests, err := read(x, limit, admit)
	if err != nil {
		x.Write(x.Refusal(err))
		return
	}
	responses := make([]response, len(requests))
	failed := map[string]bool{} // by id in lower case
	for i, r := range requests {
		w := &recorder{header: http.Header{}}
		answer(x, w, r, failed, next)
		responses[i] = w.response(r.ID)
		failed[strings.ToLower(r.ID)] = responses[i].Status >= http.StatusBadRequest
	}
	x.Write(x.Success(http.StatusOK, map[string]any{"responses": responses}))
}

func read(x *wire.Exchange, limit int64, admit func(token string) error) ([]request, error) {
	if x.R.Method != http.MethodPost {
		return nil, wire.NotAllowed(x.R.Method, http.MethodPost)
	}
	token, err := wire.Bearer(x.R.Header)
	if err != nil {
		return nil, err
	}
	if err := admit(token); err != nil {
		return nil, err
	}
	if err := wire.CheckHeaders(x.R.Header, "application/json"); err != nil {
		return nil, err
	}
	body, err := wire.ReadBody(x.W, x.R, limit)
	if err != nil {
		return nil, err
	}
	return parse(body)
}

// answer has next answer one request, or refuses it in its place.
func answer(x *wire.Exchange, w http.ResponseWriter, r request, failed map[string]bool, next http.Handler) {
	for _, id := range r.DependsOn {
		if failed[strings.ToLower(id)] {
			refuse(x, w, &wire.Fail{
				Status: http.StatusFailedDependency, Code: "FailedDependency",
				Message: "The request depends on the request '" + id + "', which failed.",
			})
			return
		}
	}
	inner, err := r.inner(x.R)
	if err != nil {
		refuse(x, w, wire.BadRequest("The request with the id '%s' is malformed: %v.", r.ID, err))
		return
	}
	next.ServeHTTP(w, inner)
}

func refuse(x *wire.Exchange, w http.ResponseWriter, f *wire.Fail) {
	own := wire.NewExchange(w, x.R, x.InnerError)
	own.Write(own.Refusal(f))
}

// inner returns the HTTP request that one of the batch stands for, as if the client had sent it on the same connection:
// of the batch's headers it has the token and the client-request-id, where it does not bring its own.
func (r request) inner(outer *http.Request) (*http.Request, error) {
	header := http.Header{}
	for name, value := range r.Headers {
		header.Add(name, value)
	}
	for _, name := range []string{"Authorization", "Client-Request-Id"} {
		if v := outer.Header.Values(name); header.Get(name) == "" && len(v) > 0 {
			header[name] = v
		}
	}
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	body, err := r.content(header)
	if err != nil {
		return nil, err
	}
	u, err := url.ParseRequestURI(version(outer.URL) + path)
	if err != nil {
		return nil, err
	}
	if segments, ok := wire.SplitPath(u); ok && len(segments) > 0 && isBatch(segments[len(segments)-1]) {
		return nil, errNested
	}
	in := (&http.Request{
		Method: strings.ToUpper(r.Method), URL: u, Header: header, Host: outer.Host, RemoteAddr: outer.RemoteAddr, TLS: outer.TLS,
		Proto: outer.Proto, ProtoMajor: outer.ProtoMajor, ProtoMinor: outer.ProtoMinor,
		// What stands before the emulator's own path, where it is mounted deeper, belongs into the links it answers.
		RequestURI: version(wire.OriginalURL(outer)) + path,
		Body:       io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}).WithContext(outer.Context())
	return in, nil
}

// version is the path of a batch without its last segment, escaped.
func version(u *url.URL) string {
	path := strings.TrimRight(u.EscapedPath(), "/")
	return path[:strings.LastIndexByte(path, '/')]
}

// recorder keeps the answer to one request.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header returns the headers of the answer.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader keeps the first status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// response returns the answer in the form of a batch. JSON stays JSON; a text, or JSON that a fault has cut, is a string.
func (w *recorder) response(id string) response {
	w.WriteHeader(http.StatusOK) // of a handler that wrote nothing, as net/http has it
	r := response{ID: id, Status: w.status, Headers: map[string]string{}}
	for name, values := range w.header {
		if name != "Content-Length" {
			r.Headers[name] = strings.Join(values, ", ")
		}
	}
	media, _, err := mime.ParseMediaType(w.header.Get("Content-Type"))
	switch {
	case w.body.Len() == 0:
	case err == nil && media == "application/json" && json.Valid(w.body.Bytes()):
		r.Body = json.RawMessage(w.body.Bytes())
	default:
		r.Body = w.body.String()
	}
	return r
}
