package events

// The types without their methods, for encoding/json.
type (
	plainCommand   Command
	plainError     Error
	plainObjectRef ObjectRef
)

// UnmarshalJSON reads a record as encoding/json does and keeps the members that
// this version does not know. What c held before is gone.
func (c *Command) UnmarshalJSON(data []byte) error {
	known, unknown, err := decodeOpen[plainCommand](data)
	if err != nil {
		return err
	}
	*c, c.unknown = Command(known), unknown
	return nil
}

// MarshalJSON gives the record with the members it was read with that this
// version does not know.
func (c Command) MarshalJSON() ([]byte, error) {
	w := recordWriter{text: make([]byte, 0, usualRecord)}
	w.command(&c)
	if c.unknown != "" {
		w.text = append(append(w.text, ','), c.unknown...)
	}
	return append(w.text, '}'), w.err
}

// usualRecord is what most records fit into, in bytes.
const usualRecord = 1 << 10

// UnmarshalJSON does what Command.UnmarshalJSON does.
func (e *Error) UnmarshalJSON(data []byte) error {
	known, unknown, err := decodeOpen[plainError](data)
	if err != nil {
		return err
	}
	*e, e.unknown = Error(known), unknown
	return nil
}

// MarshalJSON does what Command.MarshalJSON does.
func (e Error) MarshalJSON() ([]byte, error) { return encodeOpen(plainError(e), e.unknown) }

// UnmarshalJSON does what Command.UnmarshalJSON does.
func (r *ObjectRef) UnmarshalJSON(data []byte) error {
	known, unknown, err := decodeOpen[plainObjectRef](data)
	if err != nil {
		return err
	}
	*r, r.unknown = ObjectRef(known), unknown
	return nil
}

// MarshalJSON does what Command.MarshalJSON does.
func (r ObjectRef) MarshalJSON() ([]byte, error) { return encodeOpen(plainObjectRef(r), r.unknown) }
