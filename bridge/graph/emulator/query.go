package emulator

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// maxTop is the largest $top, as elsewhere in Graph.
const maxTop = 999

// query is what the query options of a GET ask for, checked.
type query struct {
	offset, size int
	selected     []string // nil for all
	filter       filter
	// options are the ones with $ but for $skiptoken, as the next link repeats them.
	options url.Values
}

// checkQuery refuses OData options that the call does not take: Graph would ignore some of them in silence, and the
// client would take a whole answer for a part of it. Options without $ are the caller's own. The names of the others,
// which Graph's pages write in several casings, are given in lower case.
func checkQuery(rawQuery string, op Operation) (url.Values, error) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, wire.BadRequest("The query string is malformed.")
	}
	options := url.Values{}
	for name, v := range values {
		if lower := strings.ToLower(name); strings.HasPrefix(name, "$") {
			options[lower] = append(options[lower], v...)
		}
	}
	for name, v := range options {
		switch {
		case !slices.Contains(optionsOf(op), name):
			return nil, wire.BadRequest("The query option '%s' is not documented for this call.", name)
		case len(v) > 1:
			return nil, wire.BadRequest("The query option '%s' was sent more than once.", name)
		case v[0] == "":
			return nil, wire.BadRequest("The query option '%s' is empty.", name)
		}
	}
	return options, nil
}

// optionsOf lists the OData options that a call takes, in lower case.
func optionsOf(op Operation) []string {
	switch op {
	case OpDevices:
		return []string{"$top", "$skiptoken", "$select", "$filter"}
	case OpDevice:
		return []string{"$select"}
	default:
		return nil
	}
}

// parseQuery reads the options that checkQuery returned; limit is the largest page.
func (p Profile) parseQuery(options url.Values, limit int) (query, error) {
	q := query{size: limit, options: maps.Clone(options)}
	q.options.Del("$skiptoken")
	var err error
	if options.Has("$select") {
		if q.selected, err = p.parseSelect(options.Get("$select")); err != nil {
			return query{}, err
		}
	}
	if options.Has("$filter") {
		if q.filter, err = p.parseFilter(options.Get("$filter")); err != nil {
			return query{}, err
		}
	}
	if options.Has("$top") {
		top, err := strconv.Atoi(options.Get("$top"))
		if err != nil || top < 1 || top > maxTop {
			return query{}, wire.BadRequest("The query option '$top' must be a number from 1 to %d.", maxTop)
		}
		q.size = min(top, limit)
	}
	if options.Has("$skiptoken") {
		q.offset, err = parseSkip(options.Get("$skiptoken"), options.Get("$filter"))
	}
	return q, err
}

// skipPrefix makes a token opaque enough that clients do not count with it.
const skipPrefix = "devices:"

// skipToken stands for the page that begins at offset of the devices that the filter lets through.
func skipToken(offset int, filter string) string {
	text := skipPrefix + strconv.Itoa(offset)
	if filter != "" {
		text += ":" + filter
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func parseSkip(token, filter string) (int, error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	text, ok := strings.CutPrefix(string(raw), skipPrefix)
	number, of, _ := strings.Cut(text, ":")
	offset, errAtoi := strconv.Atoi(number)
	switch {
	case err != nil || !ok || errAtoi != nil || offset < 0:
		return 0, wire.BadRequest("The query option '$skiptoken' is not one that this service gave.")
	case of != filter:
		return 0, wire.BadRequest("The query option '$skiptoken' belongs to another query; follow the next link as it stands.")
	}
	return offset, nil
}

// nextLink is the URL of the page that begins at offset: absolute, to be followed as it stands.
func (q query) nextLink(self *url.URL, offset int) string {
	options := maps.Clone(q.options)
	options.Set("$skiptoken", skipToken(offset, q.options.Get("$filter")))
	next := *self
	next.RawQuery = options.Encode()
	return next.String()
}
