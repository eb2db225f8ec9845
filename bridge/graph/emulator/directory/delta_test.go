package directory_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator/directory"
)

// sync follows a delta from path to its end and gives the items, the sizes of the pages and the delta link.
func (g *site) sync(path string) (items []map[string]any, sizes []int, link string) {
	g.t.Helper()
	for {
		a := g.get(path)
		list := a.values(g.t)
		items, sizes = append(items, list...), append(sizes, len(list))
		next, hasNext := a.json["@odata.nextLink"].(string)
		link, hasLink := a.json["@odata.deltaLink"].(string)
		if hasNext == hasLink {
			g.t.Fatalf("both links or none: %s", a.raw)
		}
		if hasLink {
			if !strings.HasPrefix(link, g.url+"/v1.0/devices/") || !strings.Contains(link, "?$deltatoken=") {
				g.t.Fatalf("deltaLink %q", link)
			}
			return items, sizes, link
		}
		path = next
	}
}

func mustDo(t interface {
	Helper()
	Fatal(...any)
}, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeltaOfEachKind(t *testing.T) {
	g := start(t, directory.Options{DeltaPageSize: 5})
	items, sizes, link := g.sync("/v1.0/devices/delta")
	if fmt.Sprint(sizes) != "[5 5 2]" || len(items[0]) != 35 {
		t.Fatalf("%v, %d members", sizes, len(items[0]))
	}
	if items, _, _ := g.sync(link); len(items) != 0 {
		t.Fatalf("nothing changed, but %v", items)
	}
	made, err := g.Put(directory.Entry{Device: directory.Device{
		"accountEnabled": true, "alternativeSecurityIds": []any{}, "deviceId": "11111111-2222-4333-8444-555555555555", "displayName": "New",
		"operatingSystem": "linux", "operatingSystemVersion": "1",
	}})
	mustDo(t, err,
		g.Patch(surface, directory.Device{"isCompliant": false, "extension_note": "x"}),
		g.Patch(surface, directory.Device{"displayName": "JimSurface"}), // the same as before
		g.Patch(desktop, directory.Device{"onPremisesSecurityIdentifier": "S-1"}),
		g.Delete(iphone, false),
		g.Delete("5e7d2c10-90ab-4c1d-8e2f-3a4b5c6d7e04", true),
	)
	items, _, after := g.sync(link)
	if got := column(items, "id"); !slices.Equal(got, []string{surface, iphone, "5e7d2c10-90ab-4c1d-8e2f-3a4b5c6d7e04", made}) {
		t.Fatalf("%v", items)
	}
	mustEqual(t, items[0], `{"id":"`+surface+`","isCompliant":false,"extension_note":"x"}`)
	mustEqual(t, items[1], `{"id":"`+iphone+`","@removed":{"reason":"changed"}}`)
	mustEqual(t, items[2], `{"id":"5e7d2c10-90ab-4c1d-8e2f-3a4b5c6d7e04","@removed":{"reason":"deleted"}}`)
	if items[3]["displayName"] != "New" || len(items[3]) != 35 {
		t.Fatalf("%v", items[3])
	}

	mustDo(t, g.Restore(iphone), g.Delete(made, true))
	if _, err := g.Put(directory.Entry{Device: g.Devices()[0]}); err != nil {
		t.Fatal(err)
	}
	items, _, _ = g.sync(after)
	if len(items) != 2 || items[0]["displayName"] != "Bianca's iPhone" || items[1]["@removed"] == nil {
		t.Fatalf("%v", items)
	}
	// The older link is still good, and tells the sum of both: what came and went is not there at all.
	items, _, _ = g.sync(link)
	if got := column(items, "id"); !slices.Equal(got, []string{surface, iphone, "5e7d2c10-90ab-4c1d-8e2f-3a4b5c6d7e04"}) || items[1]["displayName"] == nil {
		t.Fatalf("%v", items)
	}
}

func TestDeltaOptions(t *testing.T) {
	g := start(t, directory.Options{DeltaPageSize: 2})
	for _, function := range []string{"delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()", "Delta"} {
		if items, _, _ := g.sync("/v1.0/devices/" + function); len(items) != 12 {
			t.Errorf("%s: %d devices", function, len(items))
		}
	}
	items, _, selected := g.sync("/v1.0/devices/delta?$select=displayName,isManaged")
	for _, item := range items {
		if len(item) != 3 || item["id"] == nil {
			t.Fatalf("%v", item)
		}
	}
	two := path("/v1.0/devices/delta", "$filter", "id eq '"+surface+"' or id eq '"+strings.ToUpper(iphone)+"'")
	items, _, filtered := g.sync(two)
	if got := column(items, "id"); !slices.Equal(got, []string{surface, iphone}) {
		t.Fatalf("%v", got)
	}
	items, _, fromNow := g.sync("/v1.0/devices/delta?$deltaToken=latest")
	if len(items) != 0 {
		t.Fatalf("%v", items)
	}
	mustDo(t, g.Patch(surface, directory.Device{"model": "Book 2"}), g.Patch(desktop, directory.Device{"isManaged": true, "model": "Tower 6"}))
	for link, want := range map[string]string{
		selected: `[{"id":"` + desktop + `","isManaged":true}]`,
		filtered: `[{"id":"` + surface + `","model":"Book 2"}]`,
		fromNow:  `[{"id":"` + desktop + `","isManaged":true,"model":"Tower 6"},{"id":"` + surface + `","model":"Book 2"}]`,
	} {
		items, _, _ := g.sync(link)
		mustEqual(t, items, want)
	}
}

func TestRefusedDeltas(t *testing.T) {
	g := start(t, directory.Options{DeltaPageSize: 2})
	_, _, link := g.sync("/v1.0/devices/delta")
	token := link[strings.Index(link, "=")+1:]
	next := g.get("/v1.0/devices/delta").json["@odata.nextLink"].(string)
	for _, tt := range []struct{ path, code, message string }{
		{"/v1.0/devices/delta?$top=5", "Request_UnsupportedQuery", "'$top'"},
		{"/v1.0/devices/delta?$expand=memberOf", "Request_UnsupportedQuery", "'$expand'"},
		{"/v1.0/devices/delta?$orderby=displayName", "Request_UnsupportedQuery", "'$orderby'"},
		{"/v1.0/devices/delta?$select=nothing", "Request_BadRequest", "'nothing'"},
		{path("/v1.0/devices/delta", "$filter", "displayName eq 'x'"), "Request_UnsupportedQuery", "id eq"},
		{path("/v1.0/devices/delta", "$filter", "id eq 'a' and id eq 'b'"), "Request_UnsupportedQuery", "id eq"},
		{path("/v1.0/devices/delta", "$filter", "id eq"), "Request_BadRequest", "Invalid filter"},
		{link + "&$select=id", "Request_BadRequest", "first request"},
		{next + "&$deltatoken=" + token, "Request_BadRequest", "exclude"},
		{"/v1.0/devices/delta?$deltatoken=abc", "Request_BadRequest", "badly formed"},
		{"/v1.0/devices/delta?$skiptoken=abc", "Request_BadRequest", "badly formed"},
	} {
		mustRefuse(t, g.get(tt.path), 400, tt.code, tt.message)
	}
	// A token of one kind is not one of the other, and looks like one of another directory.
	if a := g.get("/v1.0/devices/delta?$skiptoken=" + token); a.status != http.StatusGone {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestExpiredDeltas(t *testing.T) {
	for expiry, want := range map[directory.Expiry]struct {
		status   int
		code     string
		location bool
	}{
		"":                                {410, "Gone", true},
		directory.ExpirySyncStateNotFound: {400, "syncStateNotFound", false},
		directory.ExpiryResyncRequired:    {410, "resyncRequired", false},
	} {
		g := start(t, directory.Options{DeltaExpiry: expiry, DeltaPageSize: 7})
		_, _, link := g.sync("/v1.0/devices/delta?$select=displayName")
		next := g.get("/v1.0/devices/delta").json["@odata.nextLink"].(string)
		g.ExpireDeltaTokens()
		for _, p := range []string{link, next} {
			a := g.get(p)
			mustRefuse(t, a, want.status, want.code, "no longer valid")
			location := a.header.Get("Location")
			if (location != "") != want.location {
				t.Errorf("%q: Location %q", expiry, location)
			}
			if !want.location {
				continue
			}
			if !strings.Contains(location, "$deltatoken=") || (p == link) != strings.Contains(location, "$select=displayName") {
				t.Errorf("Location %q", location)
			}
			if items, _, _ := g.sync(location); len(items) != 12 || (p == link) != (len(items[0]) == 2) {
				t.Errorf("after the reset: %d devices, %v", len(items), items[0])
			}
		}
		other := start(t, directory.Options{DeltaExpiry: expiry})
		mustRefuse(t, other.get(strings.TrimPrefix(link, g.url)), want.status, want.code, "no longer valid")
		_, _, fresh := g.sync("/v1.0/devices/delta")
		if items, _, _ := g.sync(fresh); len(items) != 0 {
			t.Errorf("%v", items)
		}
	}
}

// What the bridge's inventory is tested with: 5,000 devices, ten changes, a deletion, an expired token.
func TestFiveThousand(t *testing.T) {
	g := start(t, directory.Options{Devices: []directory.Entry{}, Seed: 7})
	made, err := g.Generate(5000)
	mustDo(t, err)
	items, sizes, link := g.sync("/v1.0/devices/delta")
	if len(items) != 5000 || len(sizes) != 50 || !slices.Equal(column(items, "id"), made) {
		t.Fatalf("%d devices in %d pages", len(items), len(sizes))
	}
	changed, err := g.Change(10)
	mustDo(t, err)
	mustDo(t, g.Delete(made[17], true))
	items, _, link = g.sync(link)
	got := column(items, "id")
	want := append(slices.Clone(changed), made[17])
	slices.Sort(want)
	want = slices.Compact(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("%v", got)
	}
	g.ExpireDeltaTokens()
	mustRefuse(t, g.get(link), 410, "Gone", "no longer valid")
	if items, _, _ := g.sync("/v1.0/devices/delta"); len(items) != 4999 {
		t.Fatalf("%d devices", len(items))
	}
	again := start(t, directory.Options{Devices: []directory.Entry{}, Seed: 7})
	repeated, err := again.Generate(5000)
	mustDo(t, err)
	repeatedChange, err := again.Change(10)
	mustDo(t, err)
	if !slices.Equal(repeated, made) || !slices.Equal(repeatedChange, changed) {
		t.Error("the same seed, other devices")
	}
	if limit, err := directory.New(directory.Options{MaxDevices: 13}); err != nil {
		t.Error(err)
	} else if ids, err := limit.Generate(2); err == nil || len(ids) != 1 {
		t.Errorf("%v %v", ids, err)
	}
}
