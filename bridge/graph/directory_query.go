package graph

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// Query holds OData's query options, passed on as they are. The zero value asks
// for everything in Graph's own order and page size.
type Query struct {
	Select                          []string
	Filter, Search, OrderBy, Expand string
	// Top is how many to a page; 0 leaves it to Graph.
	Top int
	// Count asks for the number of all that match.
	Count bool
}

// Link is where a page is read, and how. Graph's next links carry the query and
// not the header ConsistencyLevel, so that goes beside them from page to page.
type Link struct {
	URL string
	// Eventual has the header ConsistencyLevel: eventual sent.
	Eventual bool
}

// link gives the first page of a query.
func (q Query) link(target string) Link {
	eventual := q.advanced()
	q.Count = q.Count || eventual
	return Link{URL: withQuery(target, q.options()), Eventual: eventual}
}

// option is a query option of OData, without its "$".
type option struct{ name, value string }

func (q Query) options() []option {
	options := []option{
		{"select", strings.Join(q.Select, ",")},
		{"filter", q.Filter}, {"search", q.Search}, {"orderby", q.OrderBy}, {"expand", q.Expand},
	}
	if q.Top != 0 {
		options = append(options, option{"top", strconv.Itoa(q.Top)})
	}
	if q.Count {
		options = append(options, option{"count", "true"})
	}
	return options
}

// withQuery appends the options that have a value.
func withQuery(target string, options []option) string {
	separator := "?"
	for _, o := range options {
		if o.value != "" {
			target += separator + "$" + o.name + "=" + escapeOption(o.value)
			separator = "&"
		}
	}
	return target
}

// escapeOption escapes a value as RFC 3986 asks, a space as %20, and leaves what
// OData's expressions are full of, and a query may hold, as Graph's pages show it.
func escapeOption(value string) string {
	return strings.NewReplacer("+", "%20", "%24", "$", "%27", "'", "%28", "(", "%29", ")", "%2C", ",", "%2F", "/", "%3A", ":").
		Replace(url.QueryEscape(value))
}

// advanced reports whether Graph answers the query only with ConsistencyLevel:
// eventual and $count=true: Graph's page aad-advanced-queries has the list, by
// which devices can be sorted in no other way.
func (q Query) advanced() bool {
	return q.Search != "" || q.Count || q.OrderBy != "" || advancedFilter(q.Filter)
}

// advancedFilter looks for the operators ne, not and endsWith, and for $count,
// outside of the texts between quotes: there a quote is doubled, so every second
// piece is a text.
func advancedFilter(filter string) bool {
	for i, piece := range strings.Split(filter, "'") {
		if i%2 == 1 {
			continue
		}
		for word := range strings.FieldsFuncSeq(strings.ToLower(piece), func(r rune) bool {
			return r != '$' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
		}) {
			switch word {
			case "ne", "not", "endswith", "$count":
				return true
			}
		}
	}
	return false
}
