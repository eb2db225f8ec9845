package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/wire"
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
	segments, ok := wire.SplitPath(u)
	unknown := notFound("The path %s is not known to this emulator.", u.EscapedPath())
	if !ok {
		return route{}, unknown
	}
	rest, ok := wire.CutSegments(segments, slices.Concat(base, []string{"me", "devices"}))
	if _, old := wire.CutSegments(segments, []string{"v1.0", "me", "devices"}); old && !ok {
		// What the service answered to clients that had the version wrong.
		return route{}, wire.BadRequest("Resource not found for the segment 'devices'. Device commands are in beta only.")
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

// isDirectory says whether a path is for Options.Directory.
func (e *Emulator) isDirectory(u *url.URL) bool {
	if strings.HasPrefix(u.Path, controlPrefix) {
		return strings.HasPrefix(u.Path, controlPrefix+"directory/")
	}
	own := e.base
	if len(own) == 0 {
		own = []string{"me"}
	}
	segments, ok := wire.SplitPath(u)
	_, isOwn := wire.CutSegments(segments, own)
	_, isAccount := wire.CutSegments(segments, []string{"v1.0", "me"})
	return ok && !isOwn && !isAccount
}

// checkMethod allows the one method that is documented for the operation.
func (rt route) checkMethod(method string) error {
	allow := http.MethodGet
	if rt.op == OpSend {
		allow = http.MethodPost
	}
	if method != allow {
		return wire.NotAllowed(method, allow)
	}
	return nil
}
