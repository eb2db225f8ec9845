package redact

import (
	"encoding/base64"
	"math/bits"
	"strings"
)

const (
	// gram is how many bytes are looked at together: as many as fit a uint64.
	gram = 8
	// minSecret is the shortest secret that is looked for, in bytes.
	minSecret = gram
	// maxPart is the longest that a part of a secret has to be to count as one, in
	// bytes; of a short secret half of it is enough.
	maxPart = 16
	// weak marks a gram of what every token of a kind begins with, which is no secret:
	// it belongs to a part that has more, and makes none alone.
	weak = 255
)

// index finds parts of secrets: it holds every gram of them, and of their base64,
// and how long a part that has it must be. Letter case makes no difference.
type index struct {
	grams []uint64 // an open hash table; 0 is an empty place
	needs []uint8
	shift int
}

// newIndex makes the index of secrets, each of at least minSecret bytes.
func newIndex(secrets []string) *index {
	room := 0
	for _, secret := range secrets {
		room += 5 * len(secret) // the secret, and three times its base64
	}
	size := bits.Len(uint(2 * room))
	x := &index{grams: make([]uint64, 1<<size), needs: make([]uint8, 1<<size), shift: 64 - size}
	for _, secret := range secrets {
		need := min(maxPart, max(minSecret, len(secret)/2))
		x.add(secret, headerOf(secret), need)
		for skip := range 3 {
			// Whatever stands before it, from its first, second or third byte on the secret
			// begins a group of base64.
			text := secret[skip:]
			text = text[:len(text)-len(text)%3]
			standard, forURLs := base64.StdEncoding.EncodeToString([]byte(text)), base64.URLEncoding.EncodeToString([]byte(text))
			x.add(standard, 0, need+need/4)
			if forURLs != standard {
				x.add(forURLs, 0, need+need/4)
			}
		}
	}
	return x
}

// headerOf returns how long the part of a token is that others of its kind have as
// well: of a JSON web token the first of three parts, which says how it is signed.
func headerOf(token string) int {
	if strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") == 2 {
		return strings.IndexByte(token, '.')
	}
	return 0
}

func (x *index) add(text string, header, need int) {
	var window uint64
	for i := range len(text) {
		window = window<<8 | fold(text[i])
		switch {
		case i+1 < gram:
		case i < header:
			x.put(window, weak)
		default:
			x.put(window, uint8(need)) //nolint:gosec // at most maxPart and a quarter
		}
	}
}

func (x *index) put(window uint64, need uint8) {
	for at := x.place(window); ; at = (at + 1) & (len(x.grams) - 1) {
		switch x.grams[at] {
		case 0:
			x.grams[at], x.needs[at] = window, need
			return
		case window:
			x.needs[at] = min(x.needs[at], need)
			return
		}
	}
}

// need returns how long a part of a secret with this gram must be; 0 for a gram of
// no secret.
func (x *index) need(window uint64) uint8 {
	for at := x.place(window); ; at = (at + 1) & (len(x.grams) - 1) {
		switch x.grams[at] {
		case 0:
			return 0
		case window:
			return x.needs[at]
		}
	}
}

func (x *index) place(window uint64) int {
	return int(window * 0x9e3779b97f4a7c15 >> x.shift) //nolint:gosec // less than the size of the table
}

// fold makes one of a letter in both cases, and never 0.
func fold(c byte) uint64 { return uint64(c | 0x20) }
