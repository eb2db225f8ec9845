package events

import (
	"bytes"
	"strconv"
	"unicode/utf16"
)

// LoneSurrogate reports whether a JSON value has half of a UTF-16 surrogate pair among
// its escapes, such as \ud83c alone: it stands for no character. Readers put another
// in its place, the same for all, so that texts which differ become one.
func LoneSurrogate(value []byte) bool {
	for {
		at := bytes.IndexByte(value, '\\')
		if at < 0 || at+1 >= len(value) {
			return false
		}
		if value = value[at+1:]; value[0] != 'u' {
			value = value[1:]
			continue
		}
		first := unitOf(value)
		value = value[1:]
		if !utf16.IsSurrogate(first) {
			continue
		}
		second := rune(-1)
		if len(value) > 5 && value[4] == '\\' && value[5] == 'u' {
			second = unitOf(value[5:])
		}
		if utf16.DecodeRune(first, second) == '\uFFFD' {
			return true
		}
		value = value[4+2:]
	}
}

// unitOf returns what the four digits behind a u stand for; -1 where they are none.
func unitOf(text []byte) rune {
	if len(text) < 5 {
		return -1
	}
	value, err := strconv.ParseUint(string(text[1:5]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(value)
}
