package odata

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Error says what is wrong with a filter.
type Error struct {
	// Position counts the bytes before the place, from 0.
	Position int
	Message  string
	// Unsupported marks what OData has and the directory does not.
	Unsupported bool
}

// Error gives the message and the position.
func (e *Error) Error() string { return fmt.Sprintf("%s at position %d", e.Message, e.Position) }

type kind int

const (
	end     kind = iota
	name         // a word: a property, an operator, a function, true, false, null
	literal      // a string, a number or a time
	mark         // one of ( ) , : /
)

type token struct {
	kind kind
	text string
	// value is of a literal.
	value any
	at    int
}

// is compares a word or a mark, words in any casing.
func (t token) is(text string) bool {
	return (t.kind == name || t.kind == mark) && strings.EqualFold(t.text, text)
}

func (t token) describe() string {
	if t.kind == end {
		return "the end"
	}
	return strconv.Quote(t.text)
}

// lex cuts a filter into tokens; the last is the end.
func lex(s string) ([]token, error) {
	var list []token
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '\t':
			i++
		case strings.IndexByte("(),:/", c) >= 0:
			list = append(list, token{kind: mark, text: s[i : i+1], at: i})
			i++
		case c == '\'':
			value, next, ok := quoted(s, i)
			if !ok {
				return nil, &Error{Position: i, Message: "a string has no closing quote"}
			}
			list = append(list, token{kind: literal, text: s[i:next], value: value, at: i})
			i = next
		default:
			next := i + wordLength(s[i:])
			if next == i {
				return nil, &Error{Position: i, Message: fmt.Sprintf("the character %q has no meaning", s[i:i+1])}
			}
			t, err := word(s[i:next], i)
			if err != nil {
				return nil, err
			}
			list = append(list, t)
			i = next
		}
	}
	return append(list, token{kind: end, at: len(s)}), nil
}

// quoted reads a string from its opening quote on; two quotes stand for one.
func quoted(s string, from int) (value string, next int, ok bool) {
	var b strings.Builder
	for i := from + 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return b.String(), i + 1, true
		}
		b.WriteByte('\'')
		i++
	}
	return "", 0, false
}

// wordLength is the length of the word, number or time at the front; a time has colons, which elsewhere are marks.
func wordLength(s string) int {
	number := s[0] >= '0' && s[0] <= '9' || s[0] == '-'
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '$', c == '-':
		case number && (c == ':' || c == '+'):
		default:
			return i
		}
	}
	return len(s)
}

// word tells names from numbers and times, which begin with a digit or a sign.
func word(s string, at int) (token, error) {
	if s[0] != '-' && (s[0] < '0' || s[0] > '9') {
		return token{kind: name, text: s, at: at}, nil
	}
	t := token{kind: literal, text: s, at: at}
	if f, err := strconv.ParseFloat(s, 64); err == nil && strings.Trim(s, "+-.0123456789eE") == "" {
		t.value = f
		return t, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if v, err := time.Parse(layout, s); err == nil {
			t.value = v
			return t, nil
		}
	}
	return token{}, &Error{Position: at, Message: fmt.Sprintf("%q is no number and no time; a string needs quotes", s)}
}
