package directory_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"devicebridge/bridge/graph/emulator/directory"
)

// Whatever the query and the page size, the pages together are the list, in its order and each device once, and only
// the first has the count.
func TestPagesAreTheList(t *testing.T) {
	g := start(t, directory.Options{Seed: 1})
	if _, err := g.Generate(150); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		options := []string{"$count", "true"}
		for _, choice := range []struct {
			option string
			values []string
		}{
			{"$filter", []string{"", "accountEnabled eq true", "not startsWith(displayName,'L')", "isCompliant ne true or displayName ge 'm'"}},
			{"$orderby", []string{"", "displayName", "displayName desc", "approximateLastSignInDateTime desc,displayName"}},
			{"$search", []string{"", `"displayName:laptop"`, `"displayName:mac" OR "displayName:linux"`}},
			{"$select", []string{"", "displayName", "id,model"}},
		} {
			if v := rapid.SampledFrom(choice.values).Draw(rt, choice.option); v != "" {
				options = append(options, choice.option, v)
			}
		}
		top := rapid.IntRange(1, 60).Draw(rt, "$top")
		whole := g.advanced(devices(append(options, "$top", "999")...))
		want := whole.values(t)
		if count, _ := whole.json["@odata.count"].(float64); int(count) != len(want) {
			rt.Fatalf("count %v of %d", count, len(want))
		}
		got, sizes, last := g.pages(devices(append(options, "$top", strconv.Itoa(top))...))
		if !slices.Equal(column(got, "id"), column(want, "id")) {
			rt.Fatalf("%q: %d devices in pages %v, %d at once", options, len(got), sizes, len(want))
		}
		if _, counted := last.json["@odata.count"]; counted && len(sizes) > 1 {
			rt.Fatalf("the last page has a count")
		}
		for _, size := range sizes[:len(sizes)-1] {
			if size != top {
				rt.Fatalf("pages %v with $top %d", sizes, top)
			}
		}
	})
}

func TestPageSizes(t *testing.T) {
	g := start(t, directory.Options{PageSize: 5})
	for query, want := range map[string]string{"": "[5 5 2]", "?$top=4": "[4 4 4]", "?$top=12": "[12]", "?$top=999": "[12]"} {
		if _, sizes, _ := g.pages("/v1.0/devices" + query); fmt.Sprint(sizes) != want {
			t.Errorf("%s: %v, want %s", query, sizes, want)
		}
	}
	if _, sizes, _ := g.pages("/v1.0/devices/" + surface + "/transitiveMemberOf?$top=2"); fmt.Sprint(sizes) != "[2 1]" {
		t.Errorf("memberships: %v", sizes)
	}
}

// The header is asked for again on each page: a next link does not carry it.
func TestConsistencyLevelOnEveryPage(t *testing.T) {
	g := start(t, directory.Options{})
	next := g.advanced(devices("$orderby", "displayName", "$count", "true", "$top", "3")).json["@odata.nextLink"].(string)
	mustRefuse(t, g.get(next), 400, "Request_UnsupportedQuery", "ConsistencyLevel")
	if a := g.advanced(next); len(a.values(t)) != 3 || a.json["@odata.count"] != nil {
		t.Errorf("%s", a.raw)
	}
}

// A skip token is of its query, and of its directory.
func TestForeignSkipTokens(t *testing.T) {
	g := start(t, directory.Options{PageSize: 3})
	other := start(t, directory.Options{PageSize: 3})
	next := g.get("/v1.0/devices").json["@odata.nextLink"].(string)
	mustRefuse(t, g.get(next+"&$filter=accountEnabled%20eq%20true"), 400, "Request_BadRequest", "another query")
	mustRefuse(t, other.get(strings.TrimPrefix(next, g.url)), 400, "Request_BadRequest", "$skiptoken")
	mustRefuse(t, g.get(next+"x"), 400, "Request_BadRequest", "$skiptoken")
}

// Devices that vanish and appear between two pages make no other be left out or come twice.
func TestPagesWhileDevicesChange(t *testing.T) {
	g := start(t, directory.Options{PageSize: 4})
	first := g.get("/v1.0/devices")
	seen := column(first.values(t), "id")
	for _, id := range seen[2:] {
		if err := g.Delete(id, true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.Generate(1); err != nil {
		t.Fatal(err)
	}
	rest, _, _ := g.pages(first.json["@odata.nextLink"].(string))
	if len(rest) != 9 || slices.Contains(column(rest, "id"), seen[3]) {
		t.Errorf("%q", column(rest, "displayName"))
	}
	count := g.advanced("/v1.0/devices/$count")
	var n int
	if err := json.Unmarshal(count.raw, &n); err != nil || n != 11 {
		t.Errorf("%s", count.raw)
	}
}
