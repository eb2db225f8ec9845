package policy

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestTheFormOfAHost holds the two judgements of a host's form against the regular
// expressions that say the same and take thirty times as long.
func TestTheFormOfAHost(t *testing.T) {
	name := regexp.MustCompile(`^([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$`)
	number := regexp.MustCompile(`^([0-9]+|0x[0-9a-f]*)$`)
	rapid.Check(t, func(r *rapid.T) {
		host := rapid.OneOf(
			rapid.StringOfN(rapid.RuneFrom([]rune("a0fx.-_ é")), 0, 12, -1),
			rapid.StringMatching(`([a-z0-9]{60,66}\.){1,3}0?x?[0-9a-g]{0,4}\.?`),
		).Draw(r, "host")
		if got, want := isDomainName(host), name.MatchString(host); got != want {
			r.Errorf("isDomainName(%q) is %v", host, got)
		}
		last := strings.TrimSuffix(host, ".")
		last = last[strings.LastIndexByte(last, '.')+1:]
		if got, want := looksNumeric(host), number.MatchString(last); got != want {
			r.Errorf("looksNumeric(%q) is %v", host, got)
		}
	})
}
