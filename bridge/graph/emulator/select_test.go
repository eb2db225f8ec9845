package emulator_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator"
)

func TestSelect(t *testing.T) {
	for query, want := range map[string][]string{
		"$select=name":                       {"id", "name"},
		"$select=id":                         {"id"},
		"$select=Name,%20PLATFORM,name":      {"id", "name", "platform"},
		"%24Select=kind,status":              {"id", "kind", "status"},
		"$select=model,manufacturer&$top=10": {"id", "manufacturer", "model"},
	} {
		g := start(t, emulator.Options{})
		list := g.get("/beta/me/devices?" + query)
		value, _ := list.json["value"].([]any)
		if len(value) != 10 {
			t.Fatalf("%s: %d %s", query, list.status, list.raw)
		}
		for _, d := range value {
			if got := keys(d.(map[string]any)); !slices.Equal(got, want) {
				t.Errorf("%s: %v", query, got)
			}
		}
		one, _, _ := strings.Cut(query, "&")
		got := g.get("/beta/me/devices/" + tablet + "?" + one)
		if names := keys(got.json); !slices.Equal(names, append([]string{"@odata.context"}, want...)) {
			t.Errorf("%s of one: %d %s", query, got.status, got.raw)
		}
	}
	g := start(t, emulator.Options{})
	a := g.get("/beta/me/devices?$select=name,kind")
	if a.json["@odata.context"] != "https://graph.microsoft.com/v1.0/$metadata#devices(name,kind)" {
		t.Errorf("%s", a.raw)
	}
	mustEqual(t, a.json["value"].([]any)[0], `{"id":"`+tablet+`","name":"JimSurface","kind":"Tablet"}`)
	g = start(t, emulator.Options{Profile: emulator.Pascal})
	mustEqual(t, g.get("/beta/me/devices?$select=name,kind&$filter=name%20eq%20'JimSurface'").json["value"], `[{"id":"`+tablet+`","Name":"JimSurface","Kind":"Tablet"}]`)
}

func TestFilter(t *testing.T) {
	for filter, want := range map[string]int{
		"name eq 'JimSurface'":                               1,
		"Name eq 'jimsurface'":                               1,
		"id eq '" + tablet + "'":                             1,
		"platform eq 'Windows'":                              6,
		"platform ne 'Windows'":                              4,
		"startsWith(name,'Phone')":                           2,
		"startswith(name,'Phone') and platform eq 'Android'": 1,
		"kind in ('Phone','Tablet')":                         3,
		"not (platform eq 'Windows') or kind eq 'Tablet'":    5,
		"endsWith(model,'Book')":                             1,
		"model eq null":                                      0,
		"Platform eq 'Windows' and platform eq 'windows'":    6,
		"name eq 'it''s not there'":                          0,
	} {
		g := start(t, emulator.Options{})
		a := g.get("/beta/me/devices?$filter=" + url.QueryEscape(filter))
		value, ok := a.json["value"].([]any)
		if !ok || len(value) != want {
			t.Errorf("%s: %d %s", filter, a.status, a.raw)
		}
	}
}

// The pages of a filtered list hold what it asks for, each once, and repeat its options.
func TestFilteredPages(t *testing.T) {
	g := start(t, emulator.Options{})
	var pages []int
	seen := map[any]bool{}
	path := "/beta/me/devices?$top=4&$select=name&$filter=" + url.QueryEscape("platform eq 'Windows'")
	second := ""
	for path != "" {
		a := g.get(path)
		value, ok := a.json["value"].([]any)
		if !ok {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		for _, d := range value {
			seen[d.(map[string]any)["id"]] = true
			if len(d.(map[string]any)) != 2 {
				t.Errorf("%v", d)
			}
		}
		pages = append(pages, len(value))
		next, _ := a.json["@odata.nextLink"].(string)
		if path = strings.TrimPrefix(next, g.url); path != "" {
			second = path
		}
	}
	if fmt.Sprint(pages) != "[4 2]" || len(seen) != 6 {
		t.Errorf("pages %v with %d devices", pages, len(seen))
	}
	u, err := url.Parse(second)
	if err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, g.get("/beta/me/devices?$skiptoken="+u.Query().Get("$skiptoken")), 400, "BadRequest", "another query")
}

func TestRefusedQueries(t *testing.T) {
	g := start(t, emulator.Options{})
	for query, message := range map[string]string{
		"$select=":                     "$select",
		"$select=id,":                  "''",
		"$select=owner":                "'owner'",
		"$select=id&$Select=name":      "more than once",
		"$filter=":                     "$filter",
		"$filter=name":                 "$filter",
		"$filter=owner eq 'x'":         "'owner'",
		"$filter=name/first eq 'x'":    "'name/first'",
		"$filter=name/$count eq 0":     "'name/$count'",
		"$filter=name/any(n:n eq 'x')": "no collection",
		"$filter=name eq 1":            "must be a string",
		"$filter=name eq true":         "must be a string",
		"$filter=contains(name,'x')":   "contains",
		"$filter=name gt 'x'":          "gt",
		"$filter=name eq 'x":           "closing quote",
		"$orderby=name":                "$orderby",
		"$count=true":                  "$count",
		"$expand=owner":                "$expand",
		"$search=\"name:x\"":           "$search",
		"$skip=1":                      "$skip",
		"$filter=name eq '" + strings.Repeat("x", 9000) + "'":     "8192 bytes",
		"$filter=name in (" + strings.Repeat("'x',", 15) + "'x')": "15 values",
	} {
		name, value, _ := strings.Cut(query, "=")
		if !strings.Contains(value, "&") {
			query = name + "=" + url.QueryEscape(value)
		}
		mustRefuse(t, g.get("/beta/me/devices?"+query), 400, "BadRequest", message)
	}
}
