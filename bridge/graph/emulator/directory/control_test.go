package directory_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator/directory"
)

const fresh = "22222222-3333-4444-8555-666666666666"

func TestControl(t *testing.T) {
	g := start(t, directory.Options{})
	_, _, link := g.sync("/v1.0/devices/delta")
	entry := `{"device":` + strings.ReplaceAll(created("model", `"Book"`), "\n", "") + `,"memberOf":["` + tablets + `"],"registeredOwners":["` + adele + `"],"registeredUsers":["` + bianca + `"]}`
	for _, tt := range []struct{ method, path, body string }{
		{"PUT", "devices/" + fresh, entry},
		{"PUT", "devices/" + fresh, strings.Replace(entry, "Test device", "Renamed", 1)},
		{"PATCH", "devices/" + fresh, `{"trustType":"AzureAd"}`},
		{"DELETE", "devices/" + desktop, ""},
		{"POST", "devices/" + desktop + "/restore", ""},
		{"DELETE", "devices/" + iphone + "?permanent=true", ""},
	} {
		if a := g.do(tt.method, "/emulator/directory/"+tt.path, tt.body); a.status != http.StatusNoContent {
			t.Fatalf("%s %s: %d %s", tt.method, tt.path, a.status, a.raw)
		}
	}
	a := g.get("/v1.0/devices/" + fresh)
	mustEqual(t, subset(a.json, "displayName", "model", "trustType"), `{"displayName":"Renamed","model":"Book","trustType":"AzureAd"}`)
	if got := column(g.get("/v1.0/devices/"+fresh+"/registeredUsers").values(t), "id"); !slices.Equal(got, []string{bianca}) {
		t.Errorf("%q", got)
	}
	items, _, link := g.sync(link)
	if got := column(items, "id"); !slices.Equal(got, []string{desktop, iphone, fresh}) {
		t.Errorf("%q", got)
	}
	made := g.do(http.MethodPost, "/emulator/directory/generate", `{"count":3}`).json["ids"].([]any)
	changed := g.do(http.MethodPost, "/emulator/directory/change", `{"count":99}`).json["ids"].([]any)
	if len(made) != 3 || len(changed) != 15 {
		t.Errorf("made %v, changed %v", made, changed)
	}
	if a := g.do(http.MethodPost, "/emulator/directory/delta/expire", ""); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.raw)
	}
	mustRefuse(t, g.get(link), 410, "Gone", "")
	if got := g.get("/emulator/directory/requests").json; got["delta"] != 3.0 || got["get"] != 1.0 || got["registeredUsers"] != 1.0 || len(got) != 3 {
		t.Errorf("%v", got)
	}
}

func TestControlFaults(t *testing.T) {
	g := start(t, directory.Options{})
	const faults = `{"chance":{"throttle":1},"retryAfter":"1.5s","next":[{"on":"list","kind":"serverError","delay":"1ms"},{"kind":"notFound","retryAfter":"2s"}]}`
	if a := g.do(http.MethodPut, "/emulator/directory/faults", faults); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	mustEqual(t, g.get("/emulator/directory/faults").json, faults)
	if a := g.get("/v1.0/devices"); a.status != 500 {
		t.Errorf("%d", a.status)
	}
	if a := g.get("/v1.0/devices"); a.status != 404 {
		t.Errorf("%d", a.status)
	}
	if a := g.get("/v1.0/devices"); a.status != 429 || a.header.Get("Retry-After") != "1.5" {
		t.Errorf("%d %v", a.status, a.header)
	}
}

func TestControlRefusals(t *testing.T) {
	g := start(t, directory.Options{MaxBody: 2000})
	mustDo(t, g.Delete(iphone, true))
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		message            string
	}{
		"unknown device":      {"PATCH", "devices/nobody", `{}`, 404, "nobody"},
		"unknown deletion":    {"DELETE", "devices/nobody", ``, 404, "nobody"},
		"unknown restoration": {"POST", "devices/nobody/restore", ``, 404, "nobody"},
		"not deleted":         {"POST", "devices/" + desktop + "/restore", ``, 409, "not deleted"},
		"deleted for good":    {"POST", "devices/" + iphone + "/restore", ``, 409, "for good"},
		"a bad switch":        {"DELETE", "devices/" + desktop + "?permanent=yes", ``, 400, "permanent"},
		"no device":           {"PUT", "devices/" + fresh, `{}`, 400, "'device'"},
		"another id":          {"PUT", "devices/" + fresh, `{"device":{"id":"x"}}`, 400, "id of the path"},
		"missing members":     {"PUT", "devices/" + fresh, `{"device":{}}`, 400, "is required"},
		"id is no GUID":       {"PUT", "devices/x", `{"device":` + sample + `}`, 400, "'id' must be a GUID"},
		"unknown group":       {"PUT", "devices/" + fresh, `{"device":` + sample + `,"memberOf":["` + adele + `"]}`, 400, "memberOf"},
		"unknown owner":       {"PUT", "devices/" + fresh, `{"device":` + sample + `,"registeredOwners":["x"]}`, 400, "registeredOwners"},
		"unknown user":        {"PUT", "devices/" + fresh, `{"device":` + sample + `,"registeredUsers":["x"]}`, 400, "registeredUsers"},
		"taken deviceId":      {"PUT", "devices/" + fresh, `{"device":` + strings.Replace(sample, "4c299165-6e8f-4b45-a5ba-c5d250a707ff", desktopDevice, 1) + `}`, 400, "deviceId"},
		"bad patch":           {"PATCH", "devices/" + desktop, `{"isManaged":1}`, 400, "isManaged"},
		"changed id":          {"PATCH", "devices/" + desktop, `{"id":"` + fresh + `"}`, 400, "never changes"},
		"unknown member":      {"PUT", "faults", `{"flood":1}`, 400, "flood"},
		"unknown fault":       {"PUT", "faults", `{"chance":{"flood":1}}`, 400, "flood"},
		"none":                {"POST", "generate", `{"count":0}`, 400, "'count'"},
		"too many":            {"POST", "change", `{"count":1000000}`, 400, "'count'"},
		"too large":           {"PATCH", "devices/" + desktop, `{"x":"` + strings.Repeat("x", 2000) + `"}`, 413, "2000 bytes"},
		"unknown path":        {"GET", "nothing", ``, 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := g.do(tt.method, "/emulator/directory/"+tt.path, tt.body)
			if a.status != tt.status || !strings.Contains(string(a.raw), tt.message) {
				t.Fatalf("%d %s", a.status, a.raw)
			}
		})
	}
	if n := len(g.Devices()); n != 11 {
		t.Errorf("%d devices", n)
	}
}

func TestControlIsLocal(t *testing.T) {
	for open, status := range map[bool]int{false: 403, true: 200} {
		g := start(t, directory.Options{OpenControl: open})
		r := httptest.NewRequest(http.MethodGet, "/emulator/directory/requests", nil)
		r.RemoteAddr = "203.0.113.7:40000"
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}
