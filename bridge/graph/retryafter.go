package graph

import (
	"net/http"
	"strings"
	"time"
)

// maxRetryAfter bounds what is believed of a Retry-After.
const maxRetryAfter = 24 * time.Hour

// parseRetryAfter reads Retry-After: seconds, which Graph's throttling guidance
// shows with a fraction ("2.128"), or an HTTP date, taken relative to the
// answer's own Date where it has one and else to now. A time that has passed
// gives 0. ok is false when the header is absent or neither.
func parseRetryAfter(header http.Header, now time.Time) (wait time.Duration, ok bool) {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if decimal(text) {
		wait, err := time.ParseDuration(text + "s")
		if err != nil { // digits only, so it is too large
			return maxRetryAfter, true
		}
		return min(wait, maxRetryAfter), true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}

// decimal reports whether text is digits with at most one point among them.
func decimal(text string) bool {
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimLeft(whole+fraction, "0123456789") == ""
	return digits && whole+fraction != ""
}
