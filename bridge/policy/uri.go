package policy

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"devicebridge/events"
)

// MaxURI is how long a URI may be, in bytes.
const MaxURI = 2048

const uriField = "payload.uri"

// URI judges the URI of a launchUri command and gives it as it was understood:
// parsed once and written again, so that what opens it has no other reading. The
// refusal is of the member payload.uri.
func (p *Policy) URI(text string) (string, *events.Error) {
	if len(text) > MaxURI {
		return "", always(uriField, fmt.Sprintf("is longer than %d bytes", MaxURI), "length")
	}
	if what := wrongCharacter(text); what != "" {
		return "", always(uriField, what, "characters")
	}
	u, err := url.Parse(text)
	if err != nil || !u.IsAbs() {
		return "", always(uriField, "is not an absolute URI, such as https://example.com/", "form")
	}
	if isAlwaysRefused(u.Scheme) {
		return "", always(uriField, "has the scheme "+schemeText(u.Scheme)+", which is never opened", "schemes")
	}
	if !slices.Contains(p.schemes, u.Scheme) {
		return "", p.refuse(uriField, "has the scheme "+schemeText(u.Scheme)+", which is not allowed", URISchemes)
	}
	if u.User != nil {
		return "", always(uriField, "has a user name or password before its host", "userinfo")
	}
	if refusal := p.host(u); refusal != nil {
		return "", refusal
	}
	written := u.String()
	if len(written) > MaxURI {
		return "", always(uriField, fmt.Sprintf("is longer than %d bytes", MaxURI), "length")
	}
	return written, nil
}

// schemeText quotes a scheme, which may be of any length.
func schemeText(scheme string) string { return strconv.Quote(events.Truncate(scheme, 32)) }

// uriMarks are the characters that RFC 3986 gives a URI beside letters and
// digits; the percent sign is looked at apart.
const uriMarks = "-._~:/?#[]@!$&'()*+,;="

// wrongCharacter says which character a URI cannot have, by RFC 3986, section 2:
// no space, control character, backslash or anything beyond ASCII; nor an encoded
// control character, which has no use but to cut or split what is read.
func wrongCharacter(text string) string {
	for i, r := range text {
		switch {
		case r == '%':
			code, err := strconv.ParseUint(text[min(i+1, len(text)):min(i+3, len(text))], 16, 8)
			if err != nil || len(text) < i+3 {
				return fmt.Sprintf("has a %% at byte %d that two hexadecimal digits do not follow", i)
			}
			if code < ' ' || code == 0x7f {
				return fmt.Sprintf("has an encoded control character at byte %d", i)
			}
		case isAlphanumeric(r), strings.ContainsRune(uriMarks, r):
		default:
			return fmt.Sprintf("has the character %U at byte %d, which a URI cannot have; percent-encode it if it is meant", r, i)
		}
	}
	return ""
}

func isAlphanumeric(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}
