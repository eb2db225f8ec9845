package directory

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// ordering is one key of $orderby.
type ordering struct {
	property   property
	descending bool
}

func parseOrder(value string, s schema) ([]ordering, error) {
	var list []ordering
	for item := range strings.SplitSeq(value, ",") {
		words := strings.Fields(item)
		if len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != "asc" && words[1] != "desc" {
			return nil, badRequest("The query option '$orderby' must list properties, each with asc or desc behind it or nothing.")
		}
		p, ok := s.find(words[0])
		if !ok || !p.has("orderby") {
			return nil, unsupportedQuery("Unsupported sort property '%s' for '%s'.", words[0], s.name)
		}
		list = append(list, ordering{p, len(words) == 2 && words[1] == "desc"})
	}
	return list, nil
}

// item is one object of a list. seq is its own and never changes.
type item struct {
	seq    uint64
	object map[string]any
	links  links
}

// place is where an item stands in a list: its values for the ordering, then its seq.
type place struct {
	Keys []any  `json:"keys,omitempty"`
	Seq  uint64 `json:"seq"`
}

func placeOf(it item, order []ordering) place {
	p := place{Seq: it.seq}
	for _, o := range order {
		p.Keys = append(p.Keys, it.object[o.property.name])
	}
	return p
}

func (p place) compare(other place, order []ordering) int {
	for i, o := range order {
		c := compareValues(p.Keys[i], other.Keys[i], o.property.kind)
		if o.descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(p.Seq, other.Seq)
}

// compareValues orders null first, then times by time and other texts without regard to case.
func compareValues(a, b any, k kind) int {
	x, okX := a.(string)
	y, okY := b.(string)
	switch {
	case !okX || !okY:
		return cmp.Compare(toInt(okX), toInt(okY))
	case k == timestamp:
		tx, _ := time.Parse(time.RFC3339, x) // checked when it was stored
		ty, _ := time.Parse(time.RFC3339, y)
		return tx.Compare(ty)
	}
	return strings.Compare(strings.ToLower(x), strings.ToLower(y))
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sortItems(list []item, order []ordering) {
	slices.SortFunc(list, func(a, b item) int { return placeOf(a, order).compare(placeOf(b, order), order) })
}
