package directory_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"devicebridge/bridge/graph/emulator/directory"
)

func TestOptionErrors(t *testing.T) {
	group := func(id, name string, memberOf ...string) directory.Object {
		return directory.Object{Type: directory.TypeGroup, Members: map[string]any{"id": id, "displayName": name}, MemberOf: memberOf}
	}
	for want, o := range map[string]directory.Options{
		"BasePath":                       {BasePath: "v1.0"},
		"DeltaExpiry":                    {DeltaExpiry: "never"},
		"PageSize: must not be negative": {PageSize: -1},
		"DeltaPageSize: must not":        {DeltaPageSize: -1},
		"DeltaLifetime: must not":        {DeltaLifetime: -1},
		"MaxDevices: must not":           {MaxDevices: -1},
		"MaxBody: must not":              {MaxBody: -1},
		"Faults.RetryAfter":              {Faults: directory.Faults{RetryAfter: -1}},
		"Objects[0].Type":                {Objects: []directory.Object{{}}},
		"Objects[0].Members: id \"x\"":   {Objects: []directory.Object{group("x", "G")}},
		"displayName is missing":         {Objects: []directory.Object{group(windows, "")}},
		"Objects[1].Members: id":         {Objects: []directory.Object{group(windows, "G"), group(strings.ToUpper(windows), "H")}},
		"Objects[0].MemberOf":            {Objects: []directory.Object{group(windows, "G", adele)}},
		"Devices[0]: Request_BadRequest": {Devices: []directory.Entry{{}}},
		"Devices[0]: memberOf":           {Objects: []directory.Object{}},
		"Devices[0]: the device cannot":  {Devices: []directory.Entry{{Device: directory.Device{"x": func() {}}}}},
		"Directory_QuotaExceeded":        {MaxDevices: 5},
	} {
		if _, err := directory.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestBasePath(t *testing.T) {
	for base, path := range map[string]string{"/": "/devices", "/graph/v1.0": "/graph/v1.0/devices", "/v1.0/": "/v1.0/devices"} {
		g := start(t, directory.Options{BasePath: base, PageSize: 5})
		a := g.get(path)
		next, _ := a.json["@odata.nextLink"].(string)
		if a.status != 200 || !strings.HasPrefix(next, g.url+path+"?") {
			t.Errorf("%q: %d %q", base, a.status, next)
		}
	}
}

// Deleted devices are remembered up to the limit; then they are forgotten, and with them the tokens that ask for them.
func TestForgottenDeletions(t *testing.T) {
	g := start(t, directory.Options{Devices: []directory.Entry{}, MaxDevices: 10})
	ids, err := g.Generate(10)
	mustDo(t, err)
	_, _, link := g.sync("/v1.0/devices/delta")
	for _, id := range ids {
		mustDo(t, g.Delete(id, true))
	}
	if items, _, _ := g.sync(link); len(items) != 10 {
		t.Fatalf("%v", items)
	}
	more, err := g.Generate(1)
	mustDo(t, err)
	mustDo(t, g.Delete(more[0], true))
	mustRefuse(t, g.get(link), 410, "Gone", "no longer valid")
	if items, _, _ := g.sync("/v1.0/devices/delta"); len(items) != 0 {
		t.Errorf("%v", items)
	}
	if _, err := g.Generate(10); err != nil {
		t.Error(err)
	}
}

// Many clients at once: for the race detector, and for a delta that in the end is the directory.
func TestConcurrency(t *testing.T) {
	g := start(t, directory.Options{Seed: 3, DeltaPageSize: 10})
	r := &replica{known: map[string]map[string]any{}, next: "/v1.0/devices/delta"}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 10 {
				made, err := g.Generate(3)
				if err != nil || g.Delete(made[i%3], i%2 == 0) != nil {
					t.Error(err)
				}
				_, _ = g.Change(5) // it fails for no reason but a fault of the test's own
				a := g.advanced(devices("$count", "true", "$orderby", "displayName", "$filter", "isManaged eq true"))
				if a.status != 200 || g.get(fmt.Sprintf("/v1.0/devices/%s?$expand=memberOf", desktop)).status != 200 {
					t.Errorf("%d %s", a.status, a.raw)
				}
			}
		})
	}
	for range 20 {
		r.page(g)
	}
	wg.Wait()
	for ends := 0; ends < 2; {
		if r.page(g) {
			ends++
		}
	}
	all := g.get("/v1.0/devices?$top=999").values(t)
	if len(all) != len(r.known) || len(all) != 12+4*10*2 {
		t.Errorf("%d devices, %d known", len(all), len(r.known))
	}
	for _, d := range all {
		if fmt.Sprint(r.known[d["id"].(string)]) != fmt.Sprint(d) {
			t.Errorf("%v", d["id"])
		}
	}
}
