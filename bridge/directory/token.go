package directory

import (
	"encoding/base64"
	"encoding/json"
	"reflect"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// token is what a page token holds: the list that goes on, where, and how. It is
// not signed, since it gives nobody more than the endpoints do: the list is
// checked here, and the link by the client, which follows it only to the
// directory's devices.
type token struct {
	List     string `json:"list"`
	URL      string `json:"url"`
	Eventual bool   `json:"eventual,omitempty"`
}

// encodeToken gives the page token of a link in the list of that name; none for
// no link.
func encodeToken(list string, link *graph.Link) (string, error) {
	if link == nil {
		return "", nil
	}
	text, err := json.Marshal(token{List: list, URL: link.URL, Eventual: link.Eventual})
	return base64.RawURLEncoding.EncodeToString(text), err
}

// decodeToken reads what encodeToken gave for the list of that name. The request
// that it came with must have no other member.
func decodeToken[Q any](list, text string, without Q) (graph.Link, error) {
	var t token
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(plain, &t) != nil || t.List != list || t.URL == "" {
		return graph.Link{}, events.Invalid("pageToken", "is not one that this endpoint gave")
	}
	if !reflect.ValueOf(without).IsZero() {
		return graph.Link{}, events.Invalid("pageToken", "is given with other members; give it alone, the list goes on as it began")
	}
	return graph.Link{URL: t.URL, Eventual: t.Eventual}, nil
}
