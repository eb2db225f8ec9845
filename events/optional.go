package events

import (
	"bytes"
	"encoding/json"
)

// Optional is a member of a JSON object that is absent, null or a value; or one that
// is of another type than T, which is kept and written as it came. Graph
// gives null for a property without a value, leaves out one that was not
// selected, and takes null in an update as "clear it", so the three must not
// become one. The zero value is absent; a field of this type has the tag
// `omitzero`.
type Optional[T any] struct {
	value   T
	present bool
	null    bool
	// odd is the JSON of a member that is no T; a text, so that it can be compared.
	odd string
}

// Some gives a member with a value.
func Some[T any](value T) Optional[T] { return Optional[T]{value: value, present: true} }

// Null gives a member that is null.
func Null[T any]() Optional[T] { return Optional[T]{present: true, null: true} }

// Get gives the value; ok is false where the member is absent, null or no T.
func (o Optional[T]) Get() (value T, ok bool) { return o.value, o.present && !o.null && o.odd == "" }

// IsNull reports whether the member is there and null.
func (o Optional[T]) IsNull() bool { return o.null }

// IsZero reports whether the member is absent; encoding/json asks for `omitzero`.
func (o Optional[T]) IsZero() bool { return !o.present }

// UnmarshalJSON reads null, a value, or what is neither.
func (o *Optional[T]) UnmarshalJSON(data []byte) error {
	*o = Optional[T]{present: true}
	if bytes.Equal(data, []byte("null")) {
		o.null = true
		return nil
	}
	if err := json.Unmarshal(data, &o.value); err != nil {
		*o = Optional[T]{present: true, odd: string(data)}
	}
	return nil
}

// MarshalJSON gives null, the value, or what came in its place. An absent member is
// left out by its tag; alone it is null.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if o.odd != "" {
		return []byte(o.odd), nil
	}
	if value, ok := o.Get(); ok {
		return Marshal(value)
	}
	return []byte("null"), nil
}
