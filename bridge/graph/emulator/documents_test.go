package emulator_test

import (
	"devicebridge/bridge/graph/emulator"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The requests are Graph's samples as they are printed. The answers are too, but for the ids, which the pages
// shorten, and for the app names of the second, where the page's answer belongs to another request.
func TestDocumentedSamples(t *testing.T) {
	tests := []struct{ name, request, created, status string }{
		{
			name:    "launch URI",
			request: launch,
			created: `{"id": "ID", "status": "requesting", "type": null, "appServiceName": null, "packageFamilyName": null,
				"error": null, "permissionTicket": null, "postBackUri": null, "payload": {"uri": "https://bing.com"}}`,
			status: `{"id": "ID", "status": "completed", "type": null, "appServiceName": null, "packageFamilyName": null,
				"error": null, "permissionTicket": null, "postBackUri": null, "payload": null}`,
		},
		{
			name:    "app service",
			request: pingpong,
			created: `{"id": "ID", "status": "requesting", "type": null,
				"appServiceName": "com.microsoft.test.cdppingpongservice",
				"packageFamilyName": "5085ShawnHenry.RomanTestApp_jsjw7knzsgcce",
				"error": null, "permissionTicket": null, "postBackUri": null,
				"payload": {"Type": "Toast", "Title": "Hello", "Subtitle": "World!"}}`,
			status: `{"id": "ID", "status": "completed", "type": null,
				"appServiceName": "com.microsoft.test.cdppingpongservice",
				"packageFamilyName": "5085ShawnHenry.RomanTestApp_jsjw7knzsgcce",
				"error": null, "permissionTicket": null, "postBackUri": null, "payload": null}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := start(t, emulator.Options{})
			a := g.do(http.MethodPost, commands(tablet), tt.request)
			if a.status != http.StatusCreated {
				t.Fatalf("%d %s", a.status, a.raw)
			}
			id, _ := a.json["id"].(string)
			if !regexp.MustCompile(`^0158355AD4D680CC4E2994CC009EFFD7[0-9A-F]{48}$`).MatchString(id) {
				t.Fatalf("id %q", id)
			}
			mustEqual(t, a.json, strings.Replace(tt.created, "ID", id, 1))

			g.await(emulator.EventStatus, emulator.StatusCompleted)
			got := g.get(commands(tablet) + "/" + id)
			if got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.raw)
			}
			mustEqual(t, got.json, strings.Replace(tt.status, "ID", id, 1))
		})
	}
}

// The members stand in the order in which Graph's pages print them.
func TestMemberOrder(t *testing.T) {
	g := start(t, emulator.Options{})
	a := g.do(http.MethodPost, commands(tablet), launch)
	last := -1
	for _, name := range []string{"id", "status", "type", "appServiceName", "packageFamilyName", "error", "permissionTicket", "postBackUri", "payload"} {
		at := strings.Index(string(a.raw), `"`+name+`":`)
		if at <= last {
			t.Fatalf("%s is out of order in %s", name, a.raw)
		}
		last = at
	}
}

func TestResponsePayload(t *testing.T) {
	g := start(t, emulator.Options{Devices: []emulator.Device{
		{ID: "sample"},
		{ID: "own", Response: map[string]any{"temperature": 21.5, "big": 12345678901234567}},
	}})
	t.Run("documented sample", func(t *testing.T) {
		id := g.send("sample", pingpong)
		g.await(emulator.EventStatus, emulator.StatusCompleted)
		a := g.get(commands("sample") + "/" + id + "/responsePayload")
		mustEqual(t, a.json, `{"@odata.context": "https://graph.microsoft.com/devices/$metadata#microsoft.graph.PayloadResponse",
			"MsIgnoredParameter": 0, "CreationDate": "`+time.Now().UTC().Format("01/02/2006")+`", "Type": "Ok"}`)
	})
	t.Run("the app's own keys", func(t *testing.T) {
		id := g.send("own", pingpong)
		g.await(emulator.EventStatus, emulator.StatusCompleted)
		a := g.get(commands("own") + "/" + id + "/responsePayload")
		want := `{"@odata.context":"https://graph.microsoft.com/devices/$metadata#microsoft.graph.PayloadResponse","big":12345678901234567,"temperature":21.5}`
		if string(a.raw) != want {
			t.Fatalf("\n got %s\nwant %s", a.raw, want)
		}
	})
	t.Run("none for LaunchUri", func(t *testing.T) {
		id := g.send("sample", launch)
		g.await(emulator.EventStatus, emulator.StatusCompleted)
		mustRefuse(t, g.get(commands("sample")+"/"+id+"/responsePayload"), http.StatusNotFound, "itemNotFound", "LaunchUri")
	})
	t.Run("none before completed", func(t *testing.T) {
		if err := g.SetScript("own", []emulator.Step{{Status: emulator.StatusExecuting}}); err != nil {
			t.Fatal(err)
		}
		id := g.send("own", pingpong)
		g.await(emulator.EventScriptDone, "")
		mustRefuse(t, g.get(commands("own")+"/"+id+"/responsePayload"), http.StatusNotFound, "itemNotFound", "executing")
	})
}

// mustRefuse checks status, code and a part of the message of Graph's error object.
func mustRefuse(t *testing.T, a answer, status int, code, message string) {
	t.Helper()
	e, _ := a.json["error"].(map[string]any)
	if a.status != status || e["code"] != code {
		t.Fatalf("%d %s, want %d %s", a.status, a.raw, status, code)
	}
	if text, _ := e["message"].(string); !strings.Contains(text, message) {
		t.Fatalf("message %q does not name %q", text, message)
	}
}

func TestEveryAnswerCarriesGraphsHeaders(t *testing.T) {
	g := start(t, emulator.Options{})
	const mine = "7f1c2d34-5e6f-4a1b-9c8d-0e1f2a3b4c5d"
	for _, path := range []string{"/beta/me/devices", "/beta/nothing"} {
		a, err := g.request(http.MethodGet, path, "", map[string]string{"client-request-id": mine})
		if err != nil {
			t.Fatal(err)
		}
		if got := a.header.Get("client-request-id"); got != mine {
			t.Errorf("%s: client-request-id %q", path, got)
		}
		if id := a.header.Get("request-id"); len(id) != 36 || id == mine {
			t.Errorf("%s: request-id %q", path, id)
		}
		if _, err := http.ParseTime(a.header.Get("Date")); err != nil {
			t.Errorf("%s: Date: %v", path, err)
		}
		if !strings.Contains(a.header.Get("x-ms-ags-diagnostic"), "ServerInfo") {
			t.Errorf("%s: no x-ms-ags-diagnostic", path)
		}
		if e, ok := a.json["error"].(map[string]any); ok {
			inner := e["innerError"].(map[string]any)
			if inner["client-request-id"] != mine || inner["request-id"] != a.header.Get("request-id") {
				t.Errorf("%s: inner error %v", path, inner)
			}
			if _, err := time.Parse("2006-01-02T15:04:05", inner["date"].(string)); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if a := g.get("/beta/me/devices"); a.header.Get("client-request-id") != a.header.Get("request-id") {
		t.Error("without a client-request-id of the caller's the two ids differ")
	}
}
