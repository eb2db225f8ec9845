package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

var (
	// ErrNotJSON is given for what is no JSON.
	ErrNotJSON = errors.New("not well-formed JSON in UTF-8")
	// ErrNotObject is given for JSON that is no object.
	ErrNotObject = errors.New("not a JSON object")
)

// Member is one name and value of a JSON object.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Members gives the members of a JSON object in their order, repeated ones included. encoding/json alone would keep
// the last of them and hide the client's mistake.
func Members(raw []byte) ([]Member, error) {
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return nil, ErrNotJSON
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, ErrNotObject
	}
	var list []Member
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, ErrNotJSON
		}
		name, ok := tok.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil || !ok {
			return nil, ErrNotJSON
		}
		list = append(list, Member{Name: name, Value: value})
	}
	return list, nil
}

// Repeated gives two members whose names are the same after fold, which may be nil.
func Repeated(list []Member, fold func(string) string) (first, second string, ok bool) {
	seen := make(map[string]string, len(list))
	for _, m := range list {
		key := m.Name
		if fold != nil {
			key = fold(key)
		}
		if earlier, dup := seen[key]; dup {
			return earlier, m.Name, true
		}
		seen[key] = m.Name
	}
	return "", "", false
}

// IsNull says whether a JSON value is null.
func IsNull(raw json.RawMessage) bool { return string(raw) == "null" }
