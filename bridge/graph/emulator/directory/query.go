package directory

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/odata"
)

const (
	// maxTop is the documented largest page of directory objects.
	maxTop = 999
	// maxFilter bounds the text of a filter, in bytes.
	maxFilter = 8 << 10
)

// query is what the query options of a request ask for, checked.
type query struct {
	selected []string // nil for the default
	filter   odata.Expr
	search   search
	order    []ordering
	top      int // 0 where there is none
	count    bool
	expand   *expansion
	// rest are the options without $skiptoken, as the next link repeats them.
	rest url.Values
	skip string
}

// source is what a query is about.
type source struct {
	schema schema
	// knows says whether an open member of this name has been seen.
	knows func(name string) bool
	// related marks lists of related objects, where more is an advanced query.
	related bool
	// raw leaves $filter to the caller.
	raw bool
	// options are the ones that the call takes.
	options []string
}

// parseQuery reads and checks the query options. An option without $ is the caller's own; one with $ that the call
// does not take is refused, where Graph would ignore some in silence. The caller reads $deltatoken and $filter of a
// delta.
func parseQuery(raw string, src source) (query, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query{}, badRequest("The query string is malformed.")
	}
	values = systemOptions(values)
	for name, v := range values {
		switch {
		case !slices.Contains(src.options, name):
			return query{}, unsupportedQuery("The query option '%s' is not supported for this call.", name)
		case len(v) > 1:
			return query{}, badRequest("The query option '%s' was sent more than once.", name)
		case v[0] == "" && name != "$deltatoken":
			return query{}, badRequest("The query option '%s' is empty.", name)
		}
	}
	q := query{rest: values, skip: values.Get("$skiptoken")}
	values.Del("$skiptoken")
	for name := range values {
		if err := q.option(name, values.Get(name), src); err != nil {
			return query{}, err
		}
	}
	return q, nil
}

// systemOptions gives the options with $, their names in lower case: Graph's pages write $deltaToken and $orderBy too.
func systemOptions(values url.Values) url.Values {
	options := url.Values{}
	for name, v := range values {
		if lower := strings.ToLower(name); strings.HasPrefix(name, "$") {
			options[lower] = append(options[lower], v...)
		}
	}
	return options
}

func (q *query) option(name, value string, src source) (err error) {
	switch name {
	case "$select":
		q.selected, err = src.parseSelect(value)
	case "$filter":
		if src.raw {
			return nil
		}
		q.filter, err = parseFilter(value, src.schema)
	case "$search":
		q.search, err = parseSearch(value, src.schema)
	case "$orderby":
		q.order, err = parseOrder(value, src.schema)
	case "$expand":
		q.expand, err = parseExpand(value)
	case "$top":
		q.top, err = strconv.Atoi(value)
		if err != nil || q.top < 1 || q.top > maxTop {
			return badRequest("The query option '$top' must be a number from 1 to %d.", maxTop)
		}
	case "$count":
		if value != "true" && value != "false" {
			return badRequest("The query option '$count' must be true or false.")
		}
		q.count = value == "true"
	}
	return err
}

// advanced says what makes the query an advanced one, as Graph's page "Advanced query capabilities" lists it; empty
// when nothing does.
func (q query) advanced(src source) string {
	switch {
	case q.search != nil:
		return "The query option '$search'"
	case q.count:
		return "The query option '$count'"
	case len(q.order) > 0:
		return "The query option '$orderby' on devices and their relations"
	case q.filter == nil:
		return ""
	case src.related:
		return "The query option '$filter' on related objects"
	}
	return advancedClause(q.filter)
}

// checkConsistency asks for both of the advanced query parameters where one is needed: the header on every page, the
// option where there is a list to count. counted says that the path's last segment is $count.
func (q query) checkConsistency(h http.Header, reason string, counted bool) error {
	level := h.Get("ConsistencyLevel")
	switch {
	case level != "" && !strings.EqualFold(level, "eventual"):
		return badRequest("The header ConsistencyLevel must be eventual.")
	case counted && level == "":
		return badRequest("$count is not supported without the header ConsistencyLevel: eventual.")
	case reason == "":
		return nil
	case level == "" || !q.count && !counted:
		return unsupportedQuery("%s is supported only with the header ConsistencyLevel: eventual and the query option $count=true; "+
			"see https://aka.ms/graph-docs/advanced-queries.", reason)
	case q.expand != nil:
		return unsupportedQuery("The query option '$expand' is not supported in an advanced query.")
	}
	return nil
}
