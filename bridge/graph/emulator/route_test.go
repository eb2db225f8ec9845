package emulator_test

import (
	"devicebridge/bridge/graph/emulator"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPathSpellings(t *testing.T) {
	g := start(t, emulator.Options{})
	id := g.send(tablet, pingpong)
	g.await(emulator.EventStatus, "completed")
	for _, path := range []string{
		"/beta/me/devices", "/beta/me/devices/", "/Beta/Me/Devices",
		"/beta/me/devices/" + tablet,
		"/beta/me/devices/living%2Droom.TV~2", "/beta/me/devices/kitchen.hub~1", "/beta/me/devices/kitchen%2Ehub%7E1",
		commands(tablet) + "/" + id, "/beta/me/devices/" + tablet + "/command/" + id, "/beta/me/devices/" + tablet + "/Commands/" + id + "/",
		commands(tablet) + "/" + id + "/responsePayload", commands(tablet) + "/" + id + "/responsepayload",
		"/beta/me/devices/" + tablet + "/command/" + id + "/ResponsePayload",
	} {
		if a := g.get(path); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
	if a := g.do(http.MethodPost, "/beta/me/devices/"+tablet+"/command", launch); a.status != http.StatusCreated {
		t.Errorf("singular: %d %s", a.status, a.raw)
	}
}

func TestRefusedPaths(t *testing.T) {
	g := start(t, emulator.Options{})
	id := g.send(tablet, pingpong)
	tests := []struct {
		method, path  string
		status        int
		code, message string
	}{
		{"GET", "/", 404, "itemNotFound", "/"},
		{"GET", "/beta", 404, "itemNotFound", "/beta"},
		{"GET", "/beta/me/messages", 404, "itemNotFound", "/beta/me/messages"},
		{"GET", "/beta/beta/me/devices", 404, "itemNotFound", "/beta/beta/me/devices"},
		{"GET", "/beta/me/devices/" + tablet + "/apps", 404, "itemNotFound", "apps"},
		{"GET", "/beta/me/devices//commands/1", 404, "itemNotFound", "//"},
		{"GET", commands(tablet) + "/" + id + "/payload", 404, "itemNotFound", "payload"},
		{"GET", "/v1.0/me/devices", 400, "BadRequest", "segment 'devices'"},
		{"POST", "/v1.0/me/devices/" + tablet + "/commands", 400, "BadRequest", "segment 'devices'"},
		{"GET", "/beta/me/devices/nobody", 404, "itemNotFound", "'nobody'"},
		{"GET", "/beta/me/devices/" + strings.ToUpper(tablet), 404, "itemNotFound", "device"},
		{"GET", commands("nobody") + "/" + id, 404, "itemNotFound", "'nobody'"},
		{"GET", commands(tablet) + "/X", 404, "itemNotFound", "'X'"},
		{"GET", commands("kitchen.hub~1") + "/" + id, 404, "itemNotFound", id},
		{"GET", commands(tablet), 405, "notAllowed", "POST"},
		{"DELETE", commands(tablet) + "/" + id, 405, "notAllowed", "GET"},
		{"PATCH", commands(tablet) + "/" + id, 405, "notAllowed", "GET"},
		{"POST", "/beta/me/devices", 405, "notAllowed", "GET"},
		{"GET", "/beta/me/devices/" + tablet + "?$filter=id%20eq%20'x'", 400, "BadRequest", "$filter"},
		{"GET", commands(tablet) + "/" + id + "?$select=id", 400, "BadRequest", "$select"},
		{"GET", "/beta/me/devices?$filter=a", 400, "BadRequest", "$filter"},
		{"GET", "/beta/me/devices?%zz", 400, "BadRequest", "query"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			a := g.do(tt.method, tt.path, "")
			mustRefuse(t, a, tt.status, tt.code, tt.message)
			if allow := a.header.Get("Allow"); (tt.status == 405) != (allow != "") || tt.status == 405 && !strings.Contains(tt.message, allow) {
				t.Errorf("Allow %q", allow)
			}
		})
	}
	mustRefuse(t, g.do(http.MethodPost, commands("nobody"), launch), 404, "itemNotFound", "'nobody'")
	mustRefuse(t, g.do(http.MethodPost, commands(tablet)+"?$select=id", launch), 400, "BadRequest", "$select")
}

func TestBasePath(t *testing.T) {
	for base, path := range map[string]string{"": "/beta/me/devices", "/": "/me/devices", "/graph/beta": "/graph/beta/me/devices", "/beta/": "/beta/me/devices"} {
		g := start(t, emulator.Options{BasePath: base})
		if a := g.get(path); a.status != http.StatusOK {
			t.Errorf("%q: %d", base, a.status)
		}
	}
}

func TestMountedDeeper(t *testing.T) {
	e, err := emulator.New(emulator.Options{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.StripPrefix("/some/where", e))
	defer srv.Close()
	defer func() { _ = e.Close() }()
	g := &graph{t: t, Emulator: e, url: srv.URL}
	next, _ := g.get("/some/where/beta/me/devices").json["@odata.nextLink"].(string)
	if !strings.HasPrefix(next, srv.URL+"/some/where/beta/me/devices?") {
		t.Fatalf("nextLink %q", next)
	}
}
