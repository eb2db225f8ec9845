package directory

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// key addresses a device by its object id or by the alternate key deviceId.
type key struct{ id, deviceID string }

func (k key) String() string { return k.id + k.deviceID }

// route is what a method and a path ask for.
type route struct {
	op  Operation
	key key
	// cast is the type that a list of related objects is narrowed to, one of the Type constants.
	cast string
	// count asks for the number alone.
	count bool
	// target is the related object that is to be removed.
	target string
}

// parseRoute reads a path below base. Fixed segments are matched in any casing. An unknown path is a Fail, and so is
// a method that is not documented for a known one.
func parseRoute(base []string, method string, u *url.URL) (route, error) {
	segments, ok := wire.SplitPath(u)
	rest, below := wire.CutSegments(segments, base)
	if !ok || !below || len(rest) == 0 {
		return route{}, unknownSegment(u.EscapedPath())
	}
	k, hasKey, err := firstSegment(rest[0])
	if err != nil {
		return route{}, err
	}
	rest = rest[1:]
	if hasKey {
		return deviceRoute(k, rest, method)
	}
	switch {
	case len(rest) == 0:
		return byMethod(method, route{op: OpList}, route{op: OpCreate})
	case len(rest) == 1 && strings.EqualFold(rest[0], "$count"):
		return byMethod(method, route{op: OpCount})
	case len(rest) == 1 && isFunction(rest[0], "delta"):
		return byMethod(method, route{op: OpDelta})
	}
	return deviceRoute(key{id: rest[0]}, rest[1:], method)
}

// firstSegment reads devices, devices('id') and devices(deviceId='id').
func firstSegment(s string) (k key, hasKey bool, err error) {
	m := regexp.MustCompile(`^(?i:devices)(\((deviceId=)?'((?:[^']|'')+)'\))?$`).FindStringSubmatch(s)
	if m == nil {
		return key{}, false, unknownSegment(s)
	}
	value := strings.ReplaceAll(m[3], "''", "'") // OData doubles a quote within a text
	switch {
	case m[1] == "":
		return key{}, false, nil
	case m[2] == "":
		return key{id: value}, true, nil
	}
	return key{deviceID: value}, true, nil
}

// isFunction takes a name bare, qualified, and with parentheses: delta, microsoft.graph.delta(), …
func isFunction(segment, name string) bool {
	segment = strings.TrimSuffix(strings.ToLower(segment), "()")
	return strings.TrimPrefix(segment, "microsoft.graph.") == strings.ToLower(name)
}

// byMethod picks the route whose operation has the method.
func byMethod(method string, routes ...route) (route, error) {
	var allow []string
	for _, r := range routes {
		m := methodOf(r.op)
		if m == method {
			return r, nil
		}
		allow = append(allow, m)
	}
	return route{}, wire.NotAllowed(method, strings.Join(allow, ", "))
}

func methodOf(op Operation) string {
	for _, o := range operations() {
		if o.op == op {
			return o.method
		}
	}
	return http.MethodGet
}

// deviceRoute reads what stands behind the key.
func deviceRoute(k key, rest []string, method string) (route, error) {
	if len(rest) == 0 {
		return byMethod(method, route{op: OpGet, key: k}, route{op: OpUpdate, key: k}, route{op: OpDelete, key: k})
	}
	for _, op := range []Operation{OpCheckMemberObjects, OpGetMemberObjects} {
		if len(rest) == 1 && isFunction(rest[0], string(op)) {
			return byMethod(method, route{op: op, key: k})
		}
	}
	for _, op := range []Operation{OpMemberOf, OpTransitiveMemberOf, OpOwners, OpUsers} {
		if strings.EqualFold(rest[0], string(op)) {
			return relatedRoute(route{op: op, key: k}, rest[1:], method)
		}
	}
	return route{}, unknownSegment(rest[0])
}

func relatedRoute(r route, rest []string, method string) (route, error) {
	last := ""
	if len(rest) > 0 {
		last = strings.ToLower(rest[len(rest)-1])
	}
	linked := r.op == OpOwners || r.op == OpUsers
	add, remove := OpAddOwner, OpRemoveOwner
	if r.op == OpUsers {
		add, remove = OpAddUser, OpRemoveUser
	}
	switch {
	case linked && len(rest) == 1 && last == "$ref":
		return byMethod(method, route{op: add, key: r.key})
	case linked && len(rest) == 2 && last == "$ref":
		return byMethod(method, route{op: remove, key: r.key, target: rest[0]})
	}
	if last == "$count" {
		r.count, rest = true, rest[:len(rest)-1]
	}
	switch {
	case len(rest) == 0:
		return byMethod(method, r)
	case len(rest) > 1:
		return route{}, unknownSegment(rest[1])
	}
	// The libraries generated from the metadata write graph.group.
	short := strings.TrimPrefix(strings.ToLower(rest[0]), "microsoft.")
	i := slices.IndexFunc(objectTypes(), func(t string) bool { return strings.EqualFold(t, "microsoft."+short) })
	if i < 0 {
		return route{}, unknownSegment(rest[0])
	}
	r.cast = objectTypes()[i]
	return byMethod(method, r)
}
