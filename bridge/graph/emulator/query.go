package emulator

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// maxTop is the largest $top, as elsewhere in Graph.
const maxTop = 999

// page is the part of the device list that a request asks for.
type page struct {
	offset, size int
	top          string // as sent, to be kept in the nextLink
}

// checkQuery refuses OData options that no page of these calls mentions: Graph would ignore some of them in silence
// and the client would take a whole answer for a filtered one. Options without $ are the caller's own.
func checkQuery(rawQuery string, op Operation) (url.Values, error) {
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, wire.BadRequest("The query string is malformed.")
	}
	for name, values := range q {
		switch {
		case !strings.HasPrefix(name, "$"):
		case op != OpDevices || name != "$top" && name != "$skiptoken":
			return nil, wire.BadRequest("The query option '%s' is not documented for this call.", name)
		case len(values) > 1:
			return nil, wire.BadRequest("The query option '%s' was sent more than once.", name)
		}
	}
	return q, nil
}

// parsePage reads $top and $skiptoken; limit is the largest page.
func parsePage(q url.Values, limit int) (page, error) {
	p := page{size: limit, top: q.Get("$top")}
	if q.Has("$top") {
		top, err := strconv.Atoi(p.top)
		if err != nil || top < 1 || top > maxTop {
			return page{}, wire.BadRequest("The query option '$top' must be a number from 1 to %d.", maxTop)
		}
		p.size = min(top, limit)
	}
	if q.Has("$skiptoken") {
		raw, err := base64.RawURLEncoding.DecodeString(q.Get("$skiptoken"))
		text, ok := strings.CutPrefix(string(raw), skipPrefix)
		offset, errAtoi := strconv.Atoi(text)
		if err != nil || !ok || errAtoi != nil || offset < 0 {
			return page{}, wire.BadRequest("The query option '$skiptoken' is not one that this service gave.")
		}
		p.offset = offset
	}
	return p, nil
}

// skipPrefix makes a token opaque enough that clients do not count with it.
const skipPrefix = "devices:"

// nextLink is the URL of the page that begins at offset: absolute, to be followed as it stands.
func (p page) nextLink(self *url.URL, offset int) string {
	q := url.Values{"$skiptoken": {base64.RawURLEncoding.EncodeToString([]byte(skipPrefix + strconv.Itoa(offset)))}}
	if p.top != "" {
		q.Set("$top", p.top)
	}
	next := *self
	next.RawQuery = q.Encode()
	return next.String()
}
