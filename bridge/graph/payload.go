package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"devicebridge/events"
)

// tooDeepError says that a payload is nested too deep to be kept: it will be so again.
type tooDeepError struct{}

func (tooDeepError) Error() string { return "the payload " + events.DepthWords() }

// IsTooDeep reports whether a response payload is nested more than events.MaxDepth deep.
func IsTooDeep(err error) bool {
	_, ok := errors.AsType[tooDeepError](err)
	return ok
}

// appPayload gives the app's JSON out of an answer of responsePayload.
func appPayload(body []byte) (json.RawMessage, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(body) {
		return nil, errors.New("the payload is not valid UTF-8")
	}
	var b bytes.Buffer
	if json.Compact(&b, body) != nil {
		return nil, errors.New("the payload is not JSON")
	}
	switch raw := b.Bytes(); {
	case events.TooDeep(raw):
		return nil, tooDeepError{}
	case bytes.Equal(raw, []byte("null")):
		return nil, errors.New("the payload is null")
	case raw[0] == '{':
		return withoutContext(raw)
	default:
		return raw, nil
	}
}

// withoutContext cuts the member "@odata.context" out of a compact object. The
// others stay byte for byte: decoding and encoding them again could change
// numbers, order and repeated names.
func withoutContext(raw []byte) (json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	var kept [][]byte
	for decoder.More() {
		start := decoder.InputOffset()
		key, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("read the payload: %w", err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("read the payload: %w", err)
		}
		if text, _ := key.(string); !strings.EqualFold(text, "@odata.context") {
			kept = append(kept, bytes.TrimPrefix(raw[start:decoder.InputOffset()], []byte(",")))
		}
	}
	out := append([]byte{'{'}, bytes.Join(kept, []byte(","))...)
	return append(out, '}'), nil
}
