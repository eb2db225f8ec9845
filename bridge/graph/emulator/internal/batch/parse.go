package batch

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// maxRequests is the documented size of a batch.
const maxRequests = 20

// request is one of a batch as Graph's page "Combine multiple HTTP requests using JSON batching" has it.
type request struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// parse reads the body of a batch. The error is a *wire.Fail, a 400 for the batch as a whole.
func parse(body []byte) ([]request, error) {
	var batch struct {
		Requests []request `json:"requests"`
	}
	list, err := wire.Members(body)
	if err != nil {
		return nil, wire.BadRequest("Invalid batch payload format: the request body is %v.", err)
	}
	if first, second, ok := wire.Repeated(list, nil); ok {
		return nil, wire.BadRequest("Invalid batch payload format: the property '%s' repeats the property '%s'.", second, first)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&batch); err != nil {
		return nil, wire.BadRequest("Invalid batch payload format: %v.", err)
	}
	switch n := len(batch.Requests); {
	case n == 0:
		return nil, wire.BadRequest("Invalid batch payload format: the property 'requests' must be an array of at least one request.")
	case n > maxRequests:
		return nil, wire.BadRequest("The batch has %d requests; the most is %d.", n, maxRequests)
	}
	if err := check(batch.Requests); err != nil {
		return nil, err
	}
	return batch.Requests, nil
}

// check refuses a batch whose requests cannot be told apart or put in order. A request may depend on earlier ones only,
// so that the order of the batch is an order in which they can be answered.
func check(requests []request) error {
	seen := map[string]bool{}
	for i, r := range requests {
		id := strings.ToLower(r.ID)
		switch {
		case r.ID == "":
			return wire.BadRequest("The request at position %d of the batch has no 'id'.", i)
		case seen[id]:
			return wire.BadRequest("The request id '%s' is not unique in the batch; case makes no difference.", r.ID)
		case r.Method == "":
			return wire.BadRequest("The request with the id '%s' has no 'method'.", r.ID)
		case r.URL == "":
			return wire.BadRequest("The request with the id '%s' has no 'url'.", r.ID)
		}
		for _, other := range r.DependsOn {
			if !seen[strings.ToLower(other)] {
				return wire.BadRequest("Invalid dependency for request id '%s': '%s' is not the id of an earlier request of the batch.", r.ID, other)
			}
		}
		seen[id] = true
	}
	return nil
}

var (
	errNested      = errors.New("a batch cannot be in a batch")
	errNotRelative = errors.New("the property 'url' must be relative to the version, such as /me/devices")
	errBodyType    = errors.New("a request with a body needs the header Content-Type in 'headers'")
	errBodyText    = errors.New("a body that is not JSON must be a string in the URL's alphabet of base64")
)

// path returns the URL of a request with one slash in front: both forms are on the page.
func (r request) path() (string, error) {
	path, _, _ := strings.Cut(r.URL, "?")
	if strings.Contains(path, "://") {
		return "", errNotRelative
	}
	return "/" + strings.TrimPrefix(r.URL, "/"), nil
}

// content returns the body to send: JSON as it was written, or what a string of base64 stands for.
func (r request) content(h http.Header) ([]byte, error) {
	if len(r.Body) == 0 || wire.IsNull(r.Body) {
		return nil, nil
	}
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case h.Get("Content-Type") == "":
		return nil, errBodyType
	case err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")):
		return r.Body, nil
	}
	var text string
	if err := json.Unmarshal(r.Body, &text); err != nil {
		return nil, errBodyText
	}
	content, err := io.ReadAll(base64.NewDecoder(base64.RawURLEncoding, strings.NewReader(strings.TrimRight(text, "="))))
	if err != nil {
		return nil, errBodyText
	}
	return content, nil
}
