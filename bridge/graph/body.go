package graph

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// payloadOf reads the body of an answer, without the byte order mark that some
// servers and gateways put before it.
func payloadOf(resp *http.Response) ([]byte, error) {
	body, err := runtime.Payload(resp)
	return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), err
}

// objectsOf reads the entries of a list that are JSON objects. An entry that is none,
// or that T does not take, is left out, and ok is false where that leaves none.
func objectsOf[T any](entries []json.RawMessage) (list []T, leftOut int, ok bool) {
	list = make([]T, 0, len(entries))
	for _, entry := range entries {
		var object *T
		if err := json.Unmarshal(entry, &object); err != nil || object == nil {
			leftOut++
			continue
		}
		list = append(list, *object)
	}
	return list, leftOut, len(list) > 0 || leftOut == 0
}

// textsOf reads the entries of a list of texts. A number is taken by its digits; of
// what is neither it is as in objectsOf.
func textsOf(entries []json.RawMessage) (list []string, leftOut int, ok bool) {
	list = make([]string, 0, len(entries))
	for _, entry := range entries {
		var text *string
		var number json.Number
		switch {
		case json.Unmarshal(entry, &text) == nil && text != nil && *text != "":
			list = append(list, *text)
		case json.Unmarshal(entry, &number) == nil && number != "":
			list = append(list, number.String())
		default:
			leftOut++
		}
	}
	return list, leftOut, len(list) > 0 || leftOut == 0
}

// countOf reads the number of all that match; nil where there is none that can be
// read. Some services write it as a text.
func countOf(raw json.RawMessage) *int64 {
	var number json.Number // takes a text too
	if json.Unmarshal(raw, &number) != nil {
		return nil
	}
	count, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil || count < 0 {
		return nil
	}
	return &count
}
