package inventory_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge/inventory"
)

// pages is a source that gives pages in their order, whatever the link, and errors
// in their place.
type pages []any

func (p *pages) Delta(context.Context, string) (inventory.Page, error) {
	if len(*p) == 0 {
		return inventory.Page{}, errors.New("no more pages")
	}
	first := (*p)[0]
	*p = (*p)[1:]
	if err, ok := first.(error); ok {
		return inventory.Page{}, err
	}
	return first.(inventory.Page), nil
}

// page ends a round; each text is a device, or what is said of a removed one.
func page(changes ...string) inventory.Page {
	p := inventory.Page{Link: "next round"}
	for _, text := range changes {
		if reason, removed := strings.CutPrefix(text, "removed "); removed {
			p.Changes = append(p.Changes, inventory.Change{ID: "x", Reason: reason})
			continue
		}
		p.Changes = append(p.Changes, inventory.Change{Device: json.RawMessage(text)})
	}
	return p
}

var errForgotten = &inventory.ResyncError{Err: errors.New("syncStateNotFound")}

// TestPublished: what follows from one page after the other.
func TestPublished(t *testing.T) {
	first := page(`{"id":"x","a":1,"b":null,"l":[1,2]}`)
	const created = `created x.1 {"a":1,"b":null,"id":"x","l":[1,2]}`
	tests := []struct {
		name  string
		pages pages
		want  []string
	}{
		{"nothing", pages{page()}, nil},
		{"the first sight", pages{first}, []string{created}},
		{"again", pages{first, first, page()}, []string{created}},
		{"a member", pages{first, page(`{"id":"x","a":2}`)}, []string{created, `updated x.2 {"a":2,"b":null,"id":"x","l":[1,2]}`}},
		{"a new member", pages{first, page(`{"id":"x","c":"é <&>"}`)}, []string{created, `updated x.2 {"a":1,"b":null,"c":"é <&>","id":"x","l":[1,2]}`}},
		{"an emptied member", pages{first, page(`{"id":"x","a":null}`)}, []string{created, `updated x.2 {"a":null,"b":null,"id":"x","l":[1,2]}`}},
		{"a set one", pages{first, page(`{"id":"x","b":0}`)}, []string{created, `updated x.2 {"a":1,"b":0,"id":"x","l":[1,2]}`}},
		{"the same in other words", pages{first, page(`{"l":[ 1,2 ],"\u0061":1,"id":"\u0078"}`)}, []string{created}},
		{"another order in a list", pages{first, page(`{"id":"x","l":[2,1]}`)}, []string{created, `updated x.2 {"a":1,"b":null,"id":"x","l":[2,1]}`}},
		{"digits that a float drops", pages{page(`{"id":"x","n":9007199254740993}`), page(`{"id":"x","n":9007199254740992}`)},
			[]string{`created x.1 {"id":"x","n":9007199254740993}`, `updated x.2 {"id":"x","n":9007199254740992}`}},
		{"annotations", pages{page(`{"@odata.type":"#microsoft.graph.device","id":"x","a@odata.type":"#Int64"}`), page(`{"id":"x","@odata.etag":"2"}`)},
			[]string{`created x.1 {"id":"x"}`}},
		{"gone", pages{first, page("removed changed")}, []string{created, `deleted x.2 changed{"a":1,"b":null,"id":"x","l":[1,2]}`}},
		{"gone for good, later", pages{first, page("removed changed"), page("removed deleted")}, []string{created, `deleted x.2 changed{"a":1,"b":null,"id":"x","l":[1,2]}`}},
		{"gone without a word why", pages{first, page("removed ")}, []string{created, `deleted x.2 deleted{"a":1,"b":null,"id":"x","l":[1,2]}`}},
		{"gone before it was seen", pages{page("removed deleted"), page("removed deleted")}, nil},
		{"back", pages{first, page("removed changed"), page(`{"id":"x","a":2}`)},
			[]string{created, `deleted x.2 changed{"a":1,"b":null,"id":"x","l":[1,2]}`, `created x.3 {"a":2,"b":null,"id":"x","l":[1,2]}`}},
		{"twice in a page", pages{first, page(`{"id":"x","a":2}`, `{"id":"x","b":3}`)}, []string{created, `updated x.2 {"a":2,"b":3,"id":"x","l":[1,2]}`}},
		{"there and back in a page", pages{first, page(`{"id":"x","a":2}`, `{"id":"x","a":1}`)}, []string{created}},
		{"gone and back in a page", pages{first, page("removed changed", `{"id":"x","a":1}`)}, []string{created}},
		{"come and gone in a page", pages{page(`{"id":"x"}`, "removed deleted")}, nil},
		{"a resync without a change", pages{first, errForgotten, page(`{"id":"x","a":1,"l":[1,2]}`)}, []string{created}},
		{"a resync with a member less", pages{first, errForgotten, page(`{"id":"x","a":1}`)}, []string{created, `updated x.2 {"a":1,"b":null,"id":"x"}`}},
		{"a resync without the device", pages{first, errForgotten, page()}, []string{created, `deleted x.2 missing{"a":1,"b":null,"id":"x","l":[1,2]}`}},
		{"a resync after it was gone", pages{first, page("removed deleted"), errForgotten, page()}, []string{created, `deleted x.2 deleted{"a":1,"b":null,"id":"x","l":[1,2]}`}},
		{"missing and back", pages{first, errForgotten, page(), page(`{"id":"x","a":5}`)},
			[]string{created, `deleted x.2 missing{"a":1,"b":null,"id":"x","l":[1,2]}`, `created x.3 {"a":5,"b":null,"id":"x","l":[1,2]}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			feed := newMemory()
			live(t, &tt.pages, feed, len(tt.pages))
			if got := feed.told(); !slices.Equal(got, tt.want) {
				t.Errorf("published\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if len(tt.pages) > 0 {
				t.Errorf("%d pages are left", len(tt.pages))
			}
		})
	}
}

// TestBadPages: a page that cannot be read publishes nothing, and is read again; of
// one that has something that is no device the others are published.
func TestBadPages(t *testing.T) {
	neither, both := page(), page()
	neither.Link, both.Next = "", "more"
	for name, bad := range map[string]inventory.Page{
		"no id":           page(`{"id":"y"}`, `{"a":1}`),
		"id is no text":   page(`{"id":"y"}`, `{"id":1}`),
		"a list":          page(`{"id":"y"}`, `[]`),
		"no JSON":         page(`{"id":"y"}`, `{"id":"x"`),
		"null":            page(`{"id":"y"}`, `null`),
		"too long an id":  page(`{"id":"y"}`, `{"id":"`+strings.Repeat("x", 257)+`"}`),
		"removed, no id":  {Link: "x", Changes: []inventory.Change{{Reason: "deleted"}}},
		"no link":         neither,
		"two links":       both,
		"an error":        {},
		"forgotten again": {},
	} {
		t.Run(name, func(t *testing.T) {
			feed := newMemory()
			source := pages{page(`{"id":"x","a":1}`), bad, page(`{"id":"x","a":2}`)}
			switch name {
			case "an error":
				source[1] = errors.New("503")
			case "forgotten again": // with the link that Graph gave, and without
				source = slices.Insert(pages{source[0], source[2]}, 1, any(errForgotten), any(errForgotten), any(errForgotten))
			}
			live(t, &source, feed, len(source))
			want := []string{`created x.1 {"a":1,"id":"x"}`, `updated x.2 {"a":2,"id":"x"}`}
			if len(bad.Changes) > 1 {
				want = slices.Insert(want, 1, `created y.1 {"id":"y"}`)
			}
			if got := feed.told(); !slices.Equal(got, want) {
				t.Errorf("published %v, want %v", got, want)
			}
		})
	}
}
