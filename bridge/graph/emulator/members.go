package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

var (
	errNotJSON   = errors.New("not well-formed JSON in UTF-8")
	errNotObject = errors.New("not a JSON object")
)

// member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members gives the members of a JSON object in their order, repeated ones included. encoding/json alone would keep
// the last of them and hide the client's mistake.
func members(raw []byte) ([]member, error) {
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return nil, errNotJSON
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, errNotObject
	}
	var list []member
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, errNotJSON
		}
		name, ok := tok.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil || !ok {
			return nil, errNotJSON
		}
		list = append(list, member{name: name, value: value})
	}
	return list, nil
}

// repeated gives two members whose names are the same after fold, which may be nil.
func repeated(list []member, fold func(string) string) (first, second string, ok bool) {
	seen := make(map[string]string, len(list))
	for _, m := range list {
		key := m.name
		if fold != nil {
			key = fold(key)
		}
		if earlier, dup := seen[key]; dup {
			return earlier, m.name, true
		}
		seen[key] = m.name
	}
	return "", "", false
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }
