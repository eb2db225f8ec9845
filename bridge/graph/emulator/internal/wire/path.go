package wire

import (
	"net/http"
	"net/url"
	"strings"
)

// SplitPath gives the unescaped segments; false when one is empty, but for the end of the path.
func SplitPath(u *url.URL) ([]string, bool) {
	path := strings.TrimSuffix(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	if path == "" {
		return nil, true
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil || plain == "" {
			return nil, false
		}
		segments[i] = plain
	}
	return segments, true
}

// CutSegments takes prefix off the front of segments, in any casing.
func CutSegments(segments, prefix []string) (rest []string, ok bool) {
	if len(segments) < len(prefix) {
		return nil, false
	}
	for i, p := range prefix {
		if !strings.EqualFold(segments[i], p) {
			return nil, false
		}
	}
	return segments[len(prefix):], true
}

// OriginalURL is the absolute URL as the client sent it, before any http.StripPrefix.
func OriginalURL(r *http.Request) *url.URL {
	u := *r.URL
	if sent, err := url.ParseRequestURI(r.RequestURI); err == nil {
		u = *sent
	}
	u.Scheme, u.Host = "http", r.Host
	if r.TLS != nil {
		u.Scheme = "https"
	}
	return &u
}
