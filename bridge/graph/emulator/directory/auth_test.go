package directory_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/directory"
)

// Each call asks for the permissions that Graph's pages list, and is refused without one of them.
func TestPermissions(t *testing.T) {
	// Of each, the delegated ones stand before the bar, the ones of apps behind it.
	const (
		read    = "Device.Read.All Directory.Read.All Directory.ReadWrite.All Directory.AccessAsUser.All|Device.Read.All Device.ReadWrite.All Directory.Read.All Directory.ReadWrite.All"
		members = "Directory.Read.All Directory.ReadWrite.All Directory.AccessAsUser.All|Directory.Read.All Directory.ReadWrite.All"
		actions = "Device.Read.All Directory.Read.All Directory.ReadWrite.All Directory.AccessAsUser.All|Device.Read.All Directory.Read.All Directory.ReadWrite.All"
		link    = "Directory.ReadWrite.All Directory.AccessAsUser.All|Directory.ReadWrite.All"
	)
	one := "/v1.0/devices/" + desktop
	for _, tt := range []struct{ method, path, body, anyOf string }{
		{"GET", "/v1.0/devices", "", read},
		{"GET", "/v1.0/devices/$count", "", read},
		{"GET", one, "", read},
		{"GET", "/v1.0/devices/delta", "", read},
		{"POST", "/v1.0/devices", sample, "Directory.AccessAsUser.All|Device.ReadWrite.All"},
		{"PATCH", one, "{}", "Directory.AccessAsUser.All|Device.ReadWrite.All Directory.ReadWrite.All"},
		{"GET", one + "/memberOf", "", members},
		{"GET", one + "/transitiveMemberOf", "", members},
		{"GET", one + "/registeredOwners", "", members},
		{"GET", one + "/registeredUsers", "", members},
		{"POST", one + "/registeredOwners/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/users/` + bianca + `"}`, link},
		{"POST", one + "/registeredUsers/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/users/` + bianca + `"}`, link},
		{"DELETE", one + "/registeredOwners/" + bianca + "/$ref", "", link},
		{"DELETE", one + "/registeredUsers/" + bianca + "/$ref", "", link},
		{"POST", one + "/checkMemberObjects", `{"ids":["` + adele + `"]}`, actions},
		{"POST", one + "/getMemberObjects", `{"securityEnabledOnly":false}`, actions},
		{"DELETE", one, "", "Directory.AccessAsUser.All|"},
	} {
		var granted, asked string
		g := start(t, directory.Options{Authorize: func(_ string, anyOf emulator.Permissions) error {
			asked = strings.Join(anyOf.Work, " ") + "|" + strings.Join(anyOf.Application, " ")
			if len(anyOf.Personal) > 0 || !slices.Contains(anyOf.Work, granted) {
				return fmt.Errorf("%w: it needs one of %s", emulator.ErrForbidden, asked)
			}
			return nil
		}})
		if tt.method == "DELETE" && strings.HasSuffix(tt.path, "$ref") {
			granted = "Directory.ReadWrite.All"
			g.do("POST", strings.Replace(tt.path, "/"+bianca, "", 1), `{"@odata.id":"https://graph.microsoft.com/v1.0/users/`+bianca+`"}`)
			granted = ""
		}
		header := map[string]string{"ConsistencyLevel": "eventual"}
		a, err := g.request(tt.method, tt.path, tt.body, header)
		mustDo(t, err)
		mustRefuse(t, a, 403, "Authorization_RequestDenied", tt.anyOf)
		if asked != tt.anyOf {
			t.Errorf("%s %s asks for %s", tt.method, tt.path, asked)
		}
		granted = strings.FieldsFunc(tt.anyOf, func(r rune) bool { return r == ' ' || r == '|' })[0]
		if a, err := g.request(tt.method, tt.path, tt.body, header); err != nil || a.status >= 300 {
			t.Errorf("%s %s: %d %s %v", tt.method, tt.path, a.status, a.raw, err)
		}
	}
}

func TestUnauthorised(t *testing.T) {
	g := start(t, directory.Options{Authorize: func(token string, _ emulator.Permissions) error {
		if token != "good" {
			return errors.New("the token has expired")
		}
		return nil
	}})
	for header, message := range map[string]string{"": "empty", "Basic abc": "Bearer {token}", "Bearer a b": "not well formed", "Bearer old": "expired"} {
		a, err := g.request(http.MethodGet, "/v1.0/devices", "", map[string]string{"Authorization": header})
		mustDo(t, err)
		mustRefuse(t, a, 401, "InvalidAuthenticationToken", message)
		if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("WWW-Authenticate %q", a.header.Get("WWW-Authenticate"))
		}
	}
	if a, err := g.request(http.MethodGet, "/v1.0/devices", "", map[string]string{"Authorization": "Bearer good"}); err != nil || a.status != 200 {
		t.Errorf("%d %v", a.status, err)
	}
}

func TestPathsAndHeaders(t *testing.T) {
	g := start(t, directory.Options{})
	for _, tt := range []struct {
		method, path string
		status       int
		code         string
		message      string
	}{
		{"GET", "/", 400, "BadRequest", "/"},
		{"GET", "/v1.0", 400, "BadRequest", "segment"},
		{"GET", "/v1.0/users", 400, "BadRequest", "'users'"},
		{"GET", "/v1.0/devices(name='x')", 400, "BadRequest", "devices(name='x')"},
		{"GET", "/v1.0/devices/" + desktop + "/commands", 400, "BadRequest", "'commands'"},
		{"GET", "/v1.0/devices/" + desktop + "/memberOf/microsoft.graph.thing", 400, "BadRequest", "microsoft.graph.thing"},
		{"GET", "/v1.0/devices/" + desktop + "/memberOf/a/b", 400, "BadRequest", "'b'"},
		{"GET", "/v1.0/devices/" + desktop + "/memberOf/$ref", 400, "BadRequest", "$ref"},
		{"GET", "/v1.0/devices/nobody", 404, "Request_ResourceNotFound", "nobody"},
		{"GET", "/v1.0/devices(deviceId='no''body')", 404, "Request_ResourceNotFound", "no'body"},
		{"GET", "/v1.0/devices(deviceId='no'body')", 400, "BadRequest", "no'body"},
		{"PUT", "/v1.0/devices", 405, "notAllowed", "GET, POST"},
		{"POST", "/v1.0/devices/" + desktop, 405, "notAllowed", "GET, PATCH, DELETE"},
		{"POST", "/v1.0/devices/delta", 405, "notAllowed", "GET"},
		{"GET", "/v1.0/devices/" + desktop + "/checkMemberObjects", 405, "notAllowed", "POST"},
		{"POST", "/v1.0/devices/" + desktop + "/memberOf", 405, "notAllowed", "GET"},
		{"GET", "/v1.0/devices/" + desktop + "/registeredOwners/$ref", 405, "notAllowed", "POST"},
	} {
		a := g.do(tt.method, tt.path, "")
		mustRefuse(t, a, tt.status, tt.code, tt.message)
		if tt.status == 405 && a.header.Get("Allow") != tt.message {
			t.Errorf("%s: Allow %q", tt.path, a.header.Get("Allow"))
		}
	}
	a, err := g.request("GET", "/v1.0/devices", "", map[string]string{"client-request-id": "7f1c2d34-5e6f-4a1b-9c8d-0e1f2a3b4c5d", "Accept": "application/json"})
	mustDo(t, err)
	if a.header.Get("client-request-id") != "7f1c2d34-5e6f-4a1b-9c8d-0e1f2a3b4c5d" || a.header.Get("x-ms-resource-unit") != "2" || a.header.Get("Date") == "" {
		t.Errorf("%v", a.header)
	}
	for header, status := range map[[2]string]int{{"client-request-id", "42"}: 400, {"Accept", "text/xml"}: 406, {"Accept", "text/plain"}: 406} {
		if a, err := g.request("GET", "/v1.0/devices", "", map[string]string{header[0]: header[1]}); err != nil || a.status != status {
			t.Errorf("%v: %d %v", header, a.status, err)
		}
	}
	for accept, status := range map[string]int{"text/plain": 200, "application/json": 200, "text/xml": 406} {
		a, err := g.request("GET", "/v1.0/devices/$count", "", map[string]string{"Accept": accept, "ConsistencyLevel": "eventual"})
		if err != nil || a.status != status {
			t.Errorf("%s: %d %v", accept, a.status, err)
		}
	}
	if a, err := g.request("POST", "/v1.0/devices", sample, map[string]string{"Content-Type": "text/plain"}); err != nil || a.status != 415 {
		t.Errorf("%d %v", a.status, err)
	}
}

// Alone, the directory answers batches under its own path.
func TestBatch(t *testing.T) {
	g := start(t, directory.Options{Authorize: func(token string, anyOf emulator.Permissions) error {
		switch {
		case token == "old":
			return errors.New("expired")
		case len(anyOf.Work) == 0:
			return fmt.Errorf("%w: nothing is asked for", emulator.ErrForbidden)
		}
		return nil
	}})
	const body = `{"requests":[{"id":"1","method":"GET","url":"/devices?$top=1"},{"id":"2","method":"GET","url":"devices/nobody"},
		{"id":"3","method":"PATCH","url":"/devices/` + desktop + `","headers":{"Content-Type":"application/json"},"body":{"isManaged":true}},
		{"id":"4","method":"GET","url":"/$batch"},{"id":"5","method":"GET","url":"/devices","dependsOn":["2"]}]}`
	a := g.do(http.MethodPost, "/v1.0/$batch", body)
	list, _ := a.json["responses"].([]any)
	var statuses []any
	for _, r := range list {
		statuses = append(statuses, r.(map[string]any)["status"])
	}
	if fmt.Sprint(statuses) != "[200 404 204 400 424]" || g.Devices()[0]["isManaged"] != true || g.Requests()[directory.OpList] != 1 {
		t.Errorf("%v %s", statuses, a.raw)
	}
	for token, status := range map[string]int{"": 401, "Bearer old": 401, "Bearer good": 200} {
		if a, err := g.request(http.MethodPost, "/v1.0/$batch", body, map[string]string{"Authorization": token}); err != nil || a.status != status {
			t.Errorf("%q: %v %d %s", token, err, a.status, a.raw)
		}
	}
}
