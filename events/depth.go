package events

import (
	"bytes"
	"fmt"
)

// MaxDepth is how many objects and lists may stand in one another in a JSON value that
// is taken from outside: a payload, and every member of a request. It is the same
// for whatever comes in, so that what was stored can always be read again: Go's and
// others' readers of JSON have limits of their own, and around a payload there is a
// record, and a reply around that.
const MaxDepth = 512

// DepthWords say what is wrong with a value that is nested more than MaxDepth deep.
func DepthWords() string { return fmt.Sprintf("is nested more than %d deep", MaxDepth) }

// TooDeep reports whether a valid JSON value is nested more than MaxDepth deep.
func TooDeep(value []byte) bool {
	if bytes.Count(value, []byte("["))+bytes.Count(value, []byte("{")) <= MaxDepth {
		return false // as nearly all are: there are not as many, within texts or outside
	}
	depth, inText := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\':
			i++ // within a text, the one place where JSON has it
		case c == '"':
			inText = !inText
		case inText:
		case c == '[' || c == '{':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}
