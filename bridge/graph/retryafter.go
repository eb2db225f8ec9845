package graph

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// maxRetryAfter bounds what is believed of a Retry-After.
const maxRetryAfter = 24 * time.Hour

// parseRetryAfter reads Retry-After: seconds, which Graph's throttling guidance
// shows with a fraction ("2.128"), or an HTTP date, taken relative to the
// answer's own Date where it has one and else to now. A time that has passed
// gives 0. Where there are several, in one header joined by a proxy or in several
// headers, the longest counts. ok is false when there is none that can be read.
func parseRetryAfter(header http.Header, now time.Time) (wait time.Duration, ok bool) {
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	for _, value := range header.Values("Retry-After") {
		for _, text := range separated(value) {
			if one, is := oneRetryAfter(text, now); is {
				wait, ok = max(wait, one), true
			}
		}
	}
	return wait, ok
}

// unreadRetryAfter returns the Retry-After of an answer where none of it can be read;
// empty where some can, or there is none.
func unreadRetryAfter(header http.Header, now time.Time) string {
	if _, ok := parseRetryAfter(header, now); ok {
		return ""
	}
	return strings.Join(header.Values("Retry-After"), ", ")
}

// separated returns the values of a list. The comma behind the day of a date separates
// nothing.
func separated(list string) []string {
	list = regexp.MustCompile(`(?i)\b(mon|tue|wed|thu|fri|sat|sun)([a-z]*),`).ReplaceAllString(list, "$1$2\x00")
	values := strings.Split(list, ",")
	for i, value := range values {
		values[i] = strings.ReplaceAll(value, "\x00", ",")
	}
	return values
}

func oneRetryAfter(text string, now time.Time) (wait time.Duration, ok bool) {
	text, _, _ = strings.Cut(text, ";") // parameters, which it has none
	text = strings.TrimSpace(text)
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
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}

// decimal reports whether text is digits with at most one point among them.
func decimal(text string) bool {
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimLeft(whole+fraction, "0123456789") == ""
	return digits && whole+fraction != ""
}
