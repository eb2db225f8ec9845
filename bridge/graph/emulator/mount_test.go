package emulator_test

import (
	"net/http"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/directory"
)

// The directory stands beside the device commands on one listener, and v1.0/me/devices stays what it was.
func TestDirectoryIsMounted(t *testing.T) {
	d, err := directory.New(directory.Options{PageSize: 5})
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, emulator.Options{Directory: d})
	for path, status := range map[string]int{
		"/v1.0/devices": 200, "/V1.0/devices/delta": 200, "/emulator/directory/requests": 200,
		"/beta/me/devices": 200, "/emulator/commands": 200, "/v1.0/me/devices": 400, "/v1.0/me": 404, "/beta/devices": 404, "/v1.0/users": 400,
	} {
		if a := g.get(path); a.status != status {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
	mustRefuse(t, g.get("/v1.0/me/devices"), 400, "BadRequest", "segment 'devices'")
	next, _ := g.get("/v1.0/devices").json["@odata.nextLink"].(string)
	if !strings.HasPrefix(next, g.url+"/v1.0/devices?") {
		t.Errorf("nextLink %q", next)
	}
	if n := d.Requests()[directory.OpList]; n != 2 {
		t.Errorf("%d lists", n)
	}
}

func TestNoDirectory(t *testing.T) {
	g := start(t, emulator.Options{})
	mustRefuse(t, g.get("/v1.0/devices"), http.StatusNotFound, "itemNotFound", "/v1.0/devices")
	if a := g.get("/emulator/directory/requests"); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
}

func TestDirectoryBesideARootedEmulator(t *testing.T) {
	d, err := directory.New(directory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, emulator.Options{BasePath: "/", Directory: d})
	for _, path := range []string{"/me/devices", "/v1.0/devices"} {
		if a := g.get(path); a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}
