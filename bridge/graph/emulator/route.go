package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is what a path of the Graph side asks for.
type route struct {
	op              Operation
	device, command string
}

// parseRoute reads a path below base. Fixed segments are matched in any casing, "command" stands for "commands" and
// one slash at the end is allowed: Graph's pages and its metadata disagree on the first two, and clients in the wild
// use all three. Ids are compared exactly, later. An unknown path is a fail.
func parseRoute(base []string, u *url.URL) (route, error) {
	segments, ok := splitPath(u)
	unknown := notFound("The path %s is not known to this emulator.", u.EscapedPath())
	if !ok {
		return route{}, unknown
	}
	rest, ok := cutSegments(segments, slices.Concat(base, []string{"me", "devices"}))
	if _, old := cutSegments(segments, []string{"v1.0", "me", "devices"}); old && !ok {
		// What the service answered to clients that had the version wrong.
		return route{}, badRequest("Resource not found for the segment 'devices'. Device commands are in beta only.")
	}
	switch {
	case !ok:
		return route{}, unknown
	case len(rest) == 0:
		return route{op: OpDevices}, nil
	case len(rest) == 1:
		return route{op: OpDevice, device: rest[0]}, nil
	case !strings.EqualFold(rest[1], "commands") && !strings.EqualFold(rest[1], "command"):
		return route{}, unknown
	case len(rest) == 2:
		return route{op: OpSend, device: rest[0]}, nil
	case len(rest) == 3:
		return route{op: OpStatus, device: rest[0], command: rest[2]}, nil
	case len(rest) == 4 && strings.EqualFold(rest[3], "responsePayload"):
		return route{op: OpResponse, device: rest[0], command: rest[2]}, nil
	}
	return route{}, unknown
}

// splitPath gives the unescaped segments; false when one is empty, but for the end of the path.
func splitPath(u *url.URL) ([]string, bool) {
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

// cutSegments takes prefix off the front of segments, in any casing.
func cutSegments(segments, prefix []string) (rest []string, ok bool) {
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

// checkMethod allows the one method that is documented for the operation.
func (rt route) checkMethod(method string) error {
	allow := http.MethodGet
	if rt.op == OpSend {
		allow = http.MethodPost
	}
	if method != allow {
		return notAllowed(method, allow)
	}
	return nil
}

// originalURL is the absolute URL as the client sent it, before any http.StripPrefix.
func originalURL(r *http.Request) *url.URL {
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
