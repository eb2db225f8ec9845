package main

import (
	"errors"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// byteSize is a number of bytes as a setting has it.
type byteSize int64

// UnmarshalText reads a number of bytes, also as Helm writes a large one
// (1.073741824e+10), or a number with a unit such as 512MiB, 1GiB, 1Gi or 10GB.
func (s *byteSize) UnmarshalText(text []byte) error {
	words := strings.TrimSpace(string(text))
	// A number without a unit keeps every digit, which a float has no room for.
	if regexp.MustCompile(`^\d+(\.\d+)?([eE]\+?\d{1,2})?$`).MatchString(words) {
		n, ok := new(big.Rat).SetString(words)
		if !ok || !n.IsInt() || !n.Num().IsInt64() {
			return errors.New("is no whole number of bytes")
		}
		*s = byteSize(n.Num().Int64())
		return nil
	}
	n, err := humanize.ParseBytes(words)
	if err != nil || n > 1<<62 {
		return errors.New("is no size")
	}
	*s = byteSize(n) // below 1<<62
	return nil
}

// String writes the size in the largest unit of which it is a whole number.
func (s byteSize) String() string {
	for _, unit := range []struct {
		name string
		size byteSize
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s != 0 && s%unit.size == 0 {
			return strconv.FormatInt(int64(s/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}
