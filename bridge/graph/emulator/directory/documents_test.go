package directory_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator/directory"
)

// The samples of Graph's pages are taken as printed and answered as printed; the pages shorten the answers.
func TestDocumentedCreate(t *testing.T) {
	g := start(t, directory.Options{Devices: []directory.Entry{}})
	a := g.do(http.MethodPost, "/v1.0/devices", sample)
	if a.status != http.StatusCreated || a.json["@odata.context"] != "https://graph.microsoft.com/v1.0/$metadata#devices/$entity" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(sample), &want); err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if !reflect.DeepEqual(a.json[name], value) {
			t.Errorf("%s: %v", name, a.json[name])
		}
	}
	if _, err := time.Parse(time.RFC3339, a.json["registrationDateTime"].(string)); err != nil {
		t.Error(err)
	}
	got := g.get("/v1.0/devices/" + a.json["id"].(string))
	mustEqual(t, got.json, a.json)
	again := g.get("/v1.0/devices(deviceId='4C299165-6e8f-4b45-a5ba-c5d250a707ff')")
	mustEqual(t, again.json, a.json)
	if got := column(g.get("/v1.0/devices").values(t), "displayName"); !slices.Equal(got, []string{"Test device"}) {
		t.Errorf("%q", got)
	}
}

func TestDocumentedGet(t *testing.T) {
	g := start(t, directory.Options{})
	want := `{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#devices/$entity", "accountEnabled":false,
		"deviceId":"6fa60d52-01e7-4b18-8055-4759461fc16b", "displayName":"DESKTOP-858MANH", "id": "000005c3-b7a6-4c61-89fc-80bf5ccfc366",
		"operatingSystem":"Windows", "operatingSystemVersion":"10.0.19043.1165"}`
	for _, p := range []string{
		"/v1.0/devices/" + desktop, "/V1.0/Devices/" + strings.ToUpper(desktop) + "/", "/v1.0/devices('" + desktop + "')",
		"/v1.0/devices(deviceId='" + desktopDevice + "')", "/v1.0/devices(deviceId=%27" + desktopDevice + "%27)",
	} {
		a := g.get(p)
		mustEqual(t, subset(a.json, "@odata.context", "accountEnabled", "deviceId", "displayName", "id", "operatingSystem", "operatingSystemVersion"), want)
		// Every documented member is there, but for the one that only $select returns.
		if _, ok := a.json["onPremisesSecurityIdentifier"]; ok || len(a.json) != 36 {
			t.Errorf("%s: %d members: %s", p, len(a.json), a.raw)
		}
	}
	a := g.get("/v1.0/devices/" + surface + "?$select=id,extensionAttributes")
	mustEqual(t, a.json, `{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#devices(id,extensionAttributes)/$entity", "id": "`+surface+`",
		"extensionAttributes": {"extensionAttribute1": "BYOD-Device", "extensionAttribute2": null, "extensionAttribute3": null, "extensionAttribute4": null,
		"extensionAttribute5": null, "extensionAttribute6": null, "extensionAttribute7": null, "extensionAttribute8": null, "extensionAttribute9": null,
		"extensionAttribute10": null, "extensionAttribute11": null, "extensionAttribute12": null, "extensionAttribute13": null, "extensionAttribute14": null,
		"extensionAttribute15": null}}`)
}

func TestDocumentedUpdate(t *testing.T) {
	g := start(t, directory.Options{})
	for _, body := range []string{"{\n  \"accountEnabled\": true\n}", `{"extensionAttributes": {"extensionAttribute1": "BYOD-Device"}}`, `{"extensionAttributes": {"extensionAttribute2": "x"}}`} {
		if a := g.do(http.MethodPatch, "/v1.0/devices/"+desktop, body); a.status != http.StatusNoContent || len(a.raw) != 0 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
	}
	a := g.get("/v1.0/devices/" + desktop)
	ext := a.json["extensionAttributes"].(map[string]any)
	if a.json["accountEnabled"] != true || ext["extensionAttribute1"] != "BYOD-Device" || ext["extensionAttribute2"] != "x" || len(ext) != 15 {
		t.Fatalf("%s", a.raw)
	}
}

func TestDocumentedDelta(t *testing.T) {
	g := start(t, directory.Options{Devices: []directory.Entry{}, DeltaPageSize: 1})
	g.do(http.MethodPost, "/v1.0/devices", sample)
	g.do(http.MethodPost, "/v1.0/devices", strings.ReplaceAll(sample, "4c29", "5c29"))
	a := g.get("/v1.0/devices/delta")
	next, _ := a.json["@odata.nextLink"].(string)
	if a.json["@odata.context"] != "https://graph.microsoft.com/v1.0/$metadata#devices" || !strings.HasPrefix(next, g.url+"/v1.0/devices/delta?$skiptoken=") {
		t.Fatalf("%s", a.raw)
	}
	mustEqual(t, subset(a.values(t)[0], "displayName", "operatingSystem"), `{"displayName": "Test device", "operatingSystem": "linux"}`)
}

func TestDocumentedTransitiveMemberships(t *testing.T) {
	g := start(t, directory.Options{})
	base := "/v1.0/devices(deviceId='9a1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c02')/transitiveMemberOf"
	a := g.get(base)
	list := a.values(t)
	if got := column(list, "displayName"); !slices.Equal(got, []string{"Tablets", "Windows devices", "All devices"}) || list[0]["@odata.type"] != "#microsoft.graph.group" {
		t.Fatalf("%s", a.raw)
	}
	if a.json["@odata.context"] != "https://graph.microsoft.com/v1.0/$metadata#directoryObjects" {
		t.Errorf("%s", a.raw)
	}
	if a := g.advanced(base + "/$count"); string(a.raw) != "3" || a.header.Get("Content-Type") != "text/plain" {
		t.Errorf("%q %v", a.raw, a.header)
	}
	hall := "/v1.0/devices/5e7d2c10-90ab-4c1d-8e2f-3a4b5c6d7e07/transitiveMemberOf"
	a = g.advanced(path(hall+"/microsoft.graph.group", "$count", "true", "$orderby", "displayName", "$search", `"displayName:Video"`, "$select", "displayName,id"))
	mustEqual(t, a.json, `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#groups(displayName,id)","@odata.count":1,
		"value":[{"displayName":"Contoso Videos","id":"0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a1004"}]}`)
	a = g.advanced(path(hall+"/graph.group", "$count", "true", "$orderby", "displayName", "$filter", "startswith(displayName, 'a')"))
	if got := column(a.values(t), "displayName"); !slices.Equal(got, []string{"All devices"}) || a.values(t)[0]["@odata.type"] != nil {
		t.Errorf("%s", a.raw)
	}
}
