package redact

import (
	"bytes"
	"strconv"
)

// reader reads a text as who undoes its escapes would: those of JSON and of Go's
// quoted strings, however often they were applied, those of a URL, and HTML's
// numbers. White space, control characters and characters beyond ASCII, such as those
// that mark where a line may break, are left out: no secret has any.
type reader struct {
	text []byte
	pos  int
}

// next returns the next byte and where it begins in the text. After it, pos is where
// it ends.
func (r *reader) next() (c byte, start int, ok bool) {
	for r.pos < len(r.text) {
		start = r.pos
		c, r.pos = r.unescaped(r.pos)
		switch c {
		case '%':
			c, r.pos = r.percent(c, r.pos)
		case '&':
			c, r.pos = r.entity(c, r.pos)
		}
		if c > ' ' && c < 0x7f {
			return c, start, true
		}
	}
	return 0, len(r.text), false
}

// unescaped returns the byte at a place with the escapes of JSON and Go undone, and
// the place behind it. A character beyond ASCII is one that next leaves out.
func (r *reader) unescaped(at int) (c byte, end int) {
	if r.text[at] != '\\' {
		return r.text[at], at + 1
	}
	for at < len(r.text) && r.text[at] == '\\' {
		at++
	}
	if at == len(r.text) {
		return '\\', at
	}
	switch c, at = r.text[at], at+1; c {
	case 'u':
		return r.hex(c, at, 4)
	case 'x':
		return r.hex(c, at, 2)
	case 'n', 'r', 't', 'b', 'f':
		return ' ', at
	default:
		return c, at
	}
}

// hex returns the byte that so many hexadecimal digits at a place stand for; c where
// they are none.
func (r *reader) hex(c byte, at, digits int) (byte, int) {
	if at+digits > len(r.text) {
		return c, at
	}
	value, err := strconv.ParseUint(string(r.text[at:at+digits]), 16, 16)
	switch {
	case err != nil:
		return c, at
	case value > 127:
		return 0x80, at + digits
	default:
		return byte(value), at + digits
	}
}

// percent undoes a percent sign, also one that was escaped itself.
func (r *reader) percent(c byte, at int) (byte, int) {
	for at < len(r.text) {
		high, next := r.unescaped(at)
		if next >= len(r.text) {
			return c, at
		}
		low, end := r.unescaped(next)
		value, err := strconv.ParseUint(string([]byte{high, low}), 16, 8)
		if err != nil {
			return c, at
		}
		if c, at = byte(value), end; c != '%' {
			return c, at
		}
	}
	return c, at
}

// maxEntity bounds the digits of an HTML number.
const maxEntity = 6

// entity undoes HTML's number of a character, also where the ampersand was escaped
// itself.
func (r *reader) entity(c byte, at int) (byte, int) {
	rest := r.text[at:]
	for bytes.HasPrefix(rest, []byte("amp;")) {
		rest = rest[len("amp;"):]
	}
	digits, is := bytes.CutPrefix(rest, []byte("#"))
	if !is {
		return c, at
	}
	base := 10
	if hex := bytes.TrimLeft(digits[:min(1, len(digits))], "xX"); len(digits) > 0 && len(hex) == 0 {
		digits, base = digits[1:], 16
	}
	length := bytes.IndexByte(digits[:min(len(digits), maxEntity+1)], ';')
	if length <= 0 {
		return c, at
	}
	value, err := strconv.ParseUint(string(digits[:length]), base, 32)
	if err != nil {
		return c, at
	}
	end := len(r.text) - len(digits) + length + 1
	if value > 127 {
		return 0x80, end
	}
	return byte(value), end
}
