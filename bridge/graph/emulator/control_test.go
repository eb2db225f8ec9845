package emulator_test

import (
	"devicebridge/bridge/graph/emulator"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestControlScript(t *testing.T) {
	g := start(t, emulator.Options{})
	const path = "/emulator/devices/living%2Droom.TV~2/script"
	for _, tt := range []struct {
		script string
		want   []string
	}{
		{`[{"status":"sentToTarget","after":"1ms"},{"status":"warm","custom":true},{"status":"error","error":"why"}]`, []string{"sentToTarget", "warm", "error"}},
		{`null`, []string{"sentToTarget", "executing", "completed"}},
		{`[]`, nil},
	} {
		if a := g.do(http.MethodPut, path, tt.script); a.status != http.StatusNoContent {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		g.send("living%2Droom.TV~2", launch)
		if got := statuses(g.await(emulator.EventScriptDone, ""), emulator.EventStatus); strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("%s gave %v", tt.script, got)
		}
	}
}

func TestControlDrive(t *testing.T) {
	rc := receive(t)
	g := start(t, emulator.Options{Devices: []emulator.Device{{ID: "d", Script: []emulator.Step{}}}})
	id := g.send("d", rc.with())
	if a := g.do(http.MethodPost, "/emulator/commands/"+id+"/status", `{"status":"executionFailed","error":"why"}`); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	g.await(emulator.EventPostbackDelivered, "executionFailed")
	if rc.last()["error"] != "why" {
		t.Fatalf("%v", rc.last())
	}
}

func TestControlResponse(t *testing.T) {
	g := start(t, emulator.Options{})
	if a := g.do(http.MethodPut, "/emulator/devices/"+tablet+"/response", `{"big":12345678901234567}`); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	id := g.send(tablet, pingpong)
	g.await(emulator.EventStatus, emulator.StatusCompleted)
	if a := g.get(commands(tablet) + "/" + id + "/responsePayload"); !strings.Contains(string(a.raw), `"big":12345678901234567`) {
		t.Fatalf("%s", a.raw)
	}
	devices := g.get("/emulator/devices").json["value"].([]any)
	mustEqual(t, devices[0].(map[string]any)["response"], `{"big":12345678901234567}`)
	mustEqual(t, devices[6].(map[string]any)["script"], `[{"status":"error","error":"Internal error while processing the command."}]`)
}

func TestControlFaults(t *testing.T) {
	g := start(t, emulator.Options{})
	const faults = `{"seed":7,"delayMin":"1ms","delayMax":"2ms","throttle":1,"retryAfter":"1.5s","serviceUnavailable":0.1,"serviceUnavailableBare":0.2,
		"serverError":0.3,"answerLost":0.4,"postbackBeforeAnswer":0.5,"postbackLost":0.6,"postbackDuplicated":0.7,"postbackReordered":0.8,
		"next":[{"on":"status","kind":"notFound"},{"kind":"serverError","status":504,"taken":true,"delay":"1ms"},{"kind":"throttle","retryAfter":"250ms"}]}`
	if a := g.do(http.MethodPut, "/emulator/faults", faults); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	mustEqual(t, g.get("/emulator/faults").json, faults)
	for i, want := range []string{"", "0.25", "1.5"} {
		a := g.do(http.MethodPost, commands(tablet), launch)
		if i == 0 && a.status != 504 || i > 0 && (a.status != 429 || a.header.Get("Retry-After") != want) {
			t.Errorf("%d: %d, Retry-After %q", i, a.status, a.header.Get("Retry-After"))
		}
	}
	mustEqual(t, g.get("/emulator/faults").json["next"], `[{"on":"status","kind":"notFound"}]`)
}

func TestControlLedger(t *testing.T) {
	g := start(t, emulator.Options{})
	id := g.send(tablet, launch)
	g.do(http.MethodPost, commands(tablet), `{`)
	g.do(http.MethodPost, commands("nobody"), launch)

	a := g.get("/emulator/commands")
	list := a.json["value"].([]any)
	if a.json["total"] != 3.0 || len(list) != 3 {
		t.Fatalf("%s", a.raw)
	}
	first, second := list[0].(map[string]any), list[1].(map[string]any)
	mustEqual(t, first["body"], launch)
	if first["commandId"] != id || first["taken"] != true || first["httpStatus"] != 201.0 || first["deviceId"] != tablet || first["fault"] != "none" {
		t.Errorf("%v", first)
	}
	if at, err := time.Parse(time.RFC3339Nano, first["at"].(string)); err != nil || at.Location() != time.UTC {
		t.Errorf("at %v: %v", first["at"], err)
	}
	if second["body"] != "{" || second["taken"] != false || second["httpStatus"] != 400.0 {
		t.Errorf("%v", second)
	}
}

func TestControlLedgerPages(t *testing.T) {
	g := start(t, emulator.Options{})
	for range 3 {
		g.send(tablet, launch)
	}
	page := g.get("/emulator/commands?after=1&limit=1").json["value"].([]any)
	if len(page) != 1 || page[0].(map[string]any)["seq"] != 2.0 {
		t.Errorf("%v", page)
	}
	if page := g.get("/emulator/commands?after=9").json["value"].([]any); len(page) != 0 {
		t.Errorf("%v", page)
	}
}

func TestControlRefusals(t *testing.T) {
	g := start(t, emulator.Options{MaxBody: 1000})
	id := g.send(tablet, launch)
	script := "/emulator/devices/" + tablet + "/script"
	tests := map[string]struct {
		method, path, body, contentType string
		status                          int
		message                         string
	}{
		"unknown device":        {"PUT", "/emulator/devices/nobody/script", `[]`, "", 404, "nobody"},
		"unknown response":      {"PUT", "/emulator/devices/nobody/response", `{}`, "", 404, "nobody"},
		"unknown command":       {"POST", "/emulator/commands/X/status", `{"status":"completed"}`, "", 404, "X"},
		"undocumented status":   {"PUT", script, `[{"status":"done"}]`, "", 400, "not a documented status"},
		"undocumented by hand":  {"POST", "/emulator/commands/" + id + "/status", `{"status":"done"}`, "", 400, "not a documented status"},
		"a wait by hand":        {"POST", "/emulator/commands/" + id + "/status", `{"status":"completed","after":"1s"}`, "", 400, "After"},
		"a number as time":      {"PUT", script, `[{"status":"completed","after":5}]`, "", 400, "request body"},
		"a word as time":        {"PUT", script, `[{"status":"completed","after":"soon"}]`, "", 400, "not a duration"},
		"unknown member":        {"PUT", script, `[{"status":"completed","wait":"5s"}]`, "", 400, "wait"},
		"an array as response":  {"PUT", "/emulator/devices/" + tablet + "/response", `[]`, "", 400, "request body"},
		"two values":            {"PUT", "/emulator/faults", `{} {}`, "", 400, "more than one"},
		"faults out of range":   {"PUT", "/emulator/faults", `{"throttle":2}`, "", 400, "Faults.Throttle"},
		"unknown fault":         {"PUT", "/emulator/faults", `{"flood":1}`, "", 400, "flood"},
		"not JSON":              {"PUT", "/emulator/faults", `{}`, "text/plain", 415, "application/json"},
		"too large":             {"PUT", "/emulator/faults", `{"next":[` + strings.Repeat(" ", 1000) + `]}`, "", 413, "1000 bytes"},
		"malformed page":        {"GET", "/emulator/commands?limit=x", "", "", 400, "limit"},
		"malformed page begin":  {"GET", "/emulator/commands?after=-1", "", "", 400, "after"},
		"unknown path":          {"GET", "/emulator/nothing", "", "", 404, ""},
		"another method":        {"DELETE", "/emulator/faults", "", "", 405, ""},
		"forwarded by a proxy":  {"GET", "/emulator/commands", "", "", 403, "this machine"},
		"name of another host":  {"GET", "/emulator/commands", "", "", 403, "this machine"},
		"forwarded, RFC 7239":   {"GET", "/emulator/commands", "", "", 403, "this machine"},
		"caller somewhere else": {"GET", "/emulator/commands", "", "", 403, "this machine"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.body))
			r.RemoteAddr, r.Host = "127.0.0.1:40000", "localhost:8082"
			r.Header.Set("Content-Type", "application/json")
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			switch name {
			case "forwarded by a proxy":
				r.Header.Set("X-Forwarded-For", "203.0.113.7")
			case "forwarded, RFC 7239":
				r.Header.Set("Forwarded", "for=203.0.113.7")
			case "name of another host":
				r.Host = "rebound.example.org"
			case "caller somewhere else":
				r.RemoteAddr = "203.0.113.7:40000"
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.message) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestOpenControl(t *testing.T) {
	g := start(t, emulator.Options{OpenControl: true})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/emulator/commands", nil)
	r.RemoteAddr = "203.0.113.7:40000"
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestSetters(t *testing.T) {
	g := start(t, emulator.Options{})
	if err := g.SetScript("nobody", nil); err == nil {
		t.Error("unknown device: no error")
	}
	if err := g.SetScript(tablet, []emulator.Step{{Status: "done"}}); err == nil {
		t.Error("undocumented status: no error")
	}
	if err := g.SetResponse(tablet, map[string]any{"f": func() {}}); err == nil {
		t.Error("a function as response: no error")
	}
}
