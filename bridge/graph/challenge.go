package graph

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
)

// spellChallenge puts a challenge for claims into the one form that azcore reads: first
// among the challenges, the scheme in the usual case, its parameters quoted, and the
// claims in padded base64 of the standard alphabet. Microsoft's page on claims
// challenges shows them unpadded too, and a gateway may put challenges of its own
// before, or join several headers into one. Where there is none the header stays as it
// is.
func spellChallenge(header http.Header) {
	const name = "WWW-Authenticate"
	for _, value := range header.Values(name) {
		for _, parameters := range bearerChallenges(value) {
			claims, ok := decodeClaims(parameters["claims"])
			if ok && strings.EqualFold(parameters["error"], "insufficient_claims") {
				header.Set(name, `Bearer error="insufficient_claims", claims="`+base64.StdEncoding.EncodeToString(claims)+`"`)
				return
			}
		}
	}
}

// bearerChallenges returns the parameters of each challenge of the scheme Bearer in a
// header, by their lower-case names. Parameters may be in any order, quoted or not.
func bearerChallenges(value string) []map[string]string {
	// A scheme is a word that no equals sign follows; a parameter is a word that one does.
	form := regexp.MustCompile(`([A-Za-z0-9_.~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?`)
	var challenges []map[string]string
	inBearer := false
	for _, match := range form.FindAllStringSubmatch(value, -1) {
		name, isParameter := strings.ToLower(match[1]), strings.Contains(match[0], "=")
		switch {
		case !isParameter:
			if inBearer = name == "bearer"; inBearer {
				challenges = append(challenges, map[string]string{})
			}
		case inBearer:
			challenges[len(challenges)-1][name] = match[2] + match[3]
		}
	}
	return challenges
}

// decodeClaims reads claims in any of the four spellings of base64.
func decodeClaims(text string) (claims []byte, ok bool) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	claims, err := base64.RawStdEncoding.DecodeString(text)
	return claims, err == nil && len(claims) > 0
}
