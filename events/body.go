package events

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// plainJSON returns a body as JSON in UTF-8, whether it came so, in UTF-16, as a text
// that holds JSON, or as a form.
func plainJSON(body []byte) ([]byte, error) {
	body = bytes.TrimPrefix(InUTF8(body), []byte("\xef\xbb\xbf"))
	if !utf8.Valid(body) {
		return nil, errors.New("the body is not valid UTF-8")
	}
	switch body = bytes.TrimSpace(body); {
	case len(body) == 0:
		return nil, errors.New("malformed JSON")
	case body[0] == '"' && json.Valid(body):
		if inner := strings.TrimSpace(text(body)); strings.HasPrefix(inner, "{") || strings.HasPrefix(inner, "[") {
			return []byte(inner), nil
		}
	case body[0] != '{' && body[0] != '[' && !json.Valid(body):
		return formAsJSON(string(body))
	}
	return body, nil
}

// InUTF8 returns a body in UTF-16 in UTF-8: one with a byte order mark, or whose first
// character is ASCII. Any other it returns as it is. What looks for something in a body,
// such as a secret to take out, has to look behind it.
func InUTF8(body []byte) []byte {
	var order binary.ByteOrder
	switch {
	case len(body) < 2 || len(body)%2 != 0:
		return body
	case body[0] == 0xfe && body[1] == 0xff, body[0] == 0 && body[1] != 0:
		order = binary.BigEndian
	case body[0] == 0xff && body[1] == 0xfe, body[0] != 0 && body[1] == 0:
		order = binary.LittleEndian
	default:
		return body
	}
	units := make([]uint16, len(body)/2)
	for i := range units {
		units[i] = order.Uint16(body[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

// formAsJSON returns a form, such as status=completed&id=7, as a JSON object. A value
// that is an object or a list stays one. It has to name a status, and to be no web page.
func formAsJSON(body string) ([]byte, error) {
	values, err := url.ParseQuery(body)
	tells := func(name string) bool {
		return strings.EqualFold(name, "status") || strings.EqualFold(name, "actionStatus")
	}
	if err != nil || strings.Contains(body, "<") || !slices.ContainsFunc(slices.Collect(maps.Keys(values)), tells) {
		return nil, errors.New("malformed JSON")
	}
	object := map[string]any{}
	for name, given := range values {
		last := strings.TrimSpace(given[len(given)-1])
		if last != "" && (last[0] == '{' || last[0] == '[') && json.Valid([]byte(last)) {
			object[name] = json.RawMessage(last)
			continue
		}
		object[name] = last
	}
	return json.Marshal(object)
}
