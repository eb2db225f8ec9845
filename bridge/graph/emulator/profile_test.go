package emulator_test

import (
	"devicebridge/bridge/graph/emulator"
	"net/http"
	"slices"
	"testing"
)

func TestProfiles(t *testing.T) {
	camel := []string{"appServiceName", "error", "id", "packageFamilyName", "payload", "permissionTicket", "postBackUri", "status", "type"}
	pascal := []string{"AppServiceName", "Error", "PackageFamilyName", "Payload", "PermissionTicket", "PostBackUri", "Status", "Type", "id"}
	tests := map[emulator.Profile]struct {
		command, device []string
		wrapped         bool
		inner           string
	}{
		emulator.Documents: {camel, []string{"id", "kind", "manufacturer", "model", "name", "platform", "status"}, false, "innerError"},
		emulator.Pascal:    {pascal, []string{"Kind", "Manufacturer", "Model", "Name", "Platform", "Status", "id"}, false, "innererror"},
		emulator.Wrapped:   {camel, []string{"id", "kind", "manufacturer", "model", "name", "platform", "status"}, true, "innerError"},
	}
	for p, tt := range tests {
		t.Run(string(p), func(t *testing.T) {
			rc := receive(t)
			g := start(t, emulator.Options{Profile: p})
			created := g.do(http.MethodPost, commands(tablet), rc.with())
			if got := keys(created.json); !slices.Equal(got, tt.command) {
				t.Errorf("created %v", got)
			}
			g.await(emulator.EventPostbackDelivered, "completed")
			for what, body := range map[string]map[string]any{
				"postback": rc.last(),
				"status":   g.get(commands(tablet) + "/" + created.json["id"].(string)).json,
			} {
				if tt.wrapped {
					if got := keys(body); !slices.Equal(got, []string{"value"}) {
						t.Fatalf("%s is not wrapped: %v", what, got)
					}
					body = body["value"].(map[string]any)
				}
				if got := keys(body); !slices.Equal(got, tt.command) {
					t.Errorf("%s %v", what, got)
				}
				if body["id"] != created.json["id"] {
					t.Errorf("%s has the id %v", what, body["id"])
				}
			}
			list := g.get("/beta/me/devices").json["value"].([]any)
			if got := keys(list[0].(map[string]any)); !slices.Equal(got, tt.device) {
				t.Errorf("device %v", got)
			}
			failed := g.get("/beta/me/devices/nobody").json["error"].(map[string]any)
			if got := keys(failed); !slices.Equal(got, []string{"code", tt.inner, "message"}) {
				t.Errorf("error %v", got)
			}
		})
	}
}

// The example of "List user devices", which is in the older casing.
func TestDocumentedDevice(t *testing.T) {
	g := start(t, emulator.Options{Profile: emulator.Pascal})
	list := g.get("/beta/me/devices")
	mustEqual(t, list.json["value"].([]any)[0], `{"Name":"JimSurface","id":"6841b3db-2b55-467b-ad84-79a41a4ef665",
		"Manufacturer":"Microsoft Corporation","Model":"Surface Book","Kind":"Tablet","Status":"Unknown","Platform":"Windows"}`)
	if got := list.json["@odata.context"]; got != "https://graph.microsoft.com/v1.0/$metadata#devices" {
		t.Errorf("context %v", got)
	}
}

func TestInlineResponse(t *testing.T) {
	for p, name := range map[emulator.Profile]string{emulator.Documents: "responsePayload", emulator.Pascal: "responsepayload"} {
		t.Run(string(p), func(t *testing.T) {
			rc := receive(t)
			g := start(t, emulator.Options{
				Profile: p, InlineResponse: true,
				Devices: []emulator.Device{{ID: "d", Response: map[string]any{"answer": 42}}},
			})
			g.send("d", rc.withApp())
			g.await(emulator.EventPostbackDelivered, "completed")
			mustEqual(t, rc.last()[name], `{"answer":42}`)
			if _, ok := rc.bodies[0][name]; ok {
				t.Error("the response is there before the command is completed")
			}
		})
	}
}

func TestNoInlineResponseForLaunchURI(t *testing.T) {
	rc := receive(t)
	g := start(t, emulator.Options{InlineResponse: true})
	g.send(tablet, rc.with())
	g.await(emulator.EventPostbackDelivered, "completed")
	if got, ok := rc.last()["responsePayload"]; ok {
		t.Fatalf("response %v", got)
	}
}

func TestParseProfile(t *testing.T) {
	for _, p := range emulator.Profiles() {
		if got, err := emulator.ParseProfile(string(p)); got != p || err != nil {
			t.Errorf("%q: %q, %v", p, got, err)
		}
	}
	if got, err := emulator.ParseProfile(""); got != emulator.Documents || err != nil {
		t.Errorf("empty: %q, %v", got, err)
	}
	if _, err := emulator.ParseProfile("snake"); err == nil {
		t.Error("snake: no error")
	}
}
