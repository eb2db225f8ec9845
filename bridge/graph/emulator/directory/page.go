package directory

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/odata"
)

// list is a page as Graph writes it. Of the two links at most one is there.
type list struct {
	Context   string           `json:"@odata.context"`
	Count     *int             `json:"@odata.count,omitempty"`
	NextLink  string           `json:"@odata.nextLink,omitempty"`
	DeltaLink string           `json:"@odata.deltaLink,omitempty"`
	Value     []map[string]any `json:"value"`
}

// skipState is what a $skiptoken of a list holds: behind which place the page begins, and of which query it is.
type skipState struct {
	After place  `json:"after"`
	Query string `json:"query"`
}

// matching gives the items that the query asks for, in its order.
func (q query) matching(items []item) []item {
	var found []item
	for _, it := range items {
		if q.search.match(it.object) && (q.filter == nil || odata.Match(q.filter, it.object)) {
			found = append(found, it)
		}
	}
	sortItems(found, q.order)
	return found
}

// page cuts the page out of found that the query asks for; size is the default for $top. next is empty on the last.
func (d *Directory) page(q query, path string, found []item, size int) (page []item, next string, err error) {
	of := path + "?" + q.rest.Encode()
	if q.skip != "" {
		var state skipState
		if err := d.sealer.open("skip", q.skip, &state); err != nil {
			return nil, "", badRequest("The query option '$skiptoken' is not one that this service gave.")
		}
		if state.Query != of {
			return nil, "", badRequest("The query option '$skiptoken' belongs to another query; follow the next link as it stands.")
		}
		i, _ := slices.BinarySearchFunc(found, state.After, func(it item, after place) int {
			if placeOf(it, q.order).compare(after, q.order) <= 0 {
				return -1
			}
			return 1
		})
		found = found[i:]
	}
	if q.top > 0 {
		size = q.top
	}
	if len(found) <= size {
		return found, "", nil
	}
	token, err := d.sealer.seal("skip", skipState{After: placeOf(found[size-1], q.order), Query: of})
	return found[:size], token, err
}

// nextLink is link, or nothing where there is no next page.
func nextLink(self *url.URL, options url.Values, name, token string) string {
	if token == "" {
		return ""
	}
	return link(self, options, name, token)
}

// link is an absolute URL with the options of this one and a token, to be followed as it stands.
func link(self *url.URL, options url.Values, name, token string) string {
	q := maps.Clone(options)
	if q == nil {
		q = url.Values{}
	}
	q.Set(name, token)
	next := *self
	next.RawQuery = strings.ReplaceAll(q.Encode(), "%24", "$") // as Graph prints it
	return next.String()
}
