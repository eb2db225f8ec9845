package directory_test

import (
	"net/http"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator/directory"
)

// created is the sample with a member replaced or added.
func created(member, value string) string {
	return strings.TrimSuffix(sample, "\n}") + ",\n  \"" + member + "\":" + value + "\n}"
}

func without(line string) string { return strings.Replace(sample, line, "", 1) }

func TestRefusedCreates(t *testing.T) {
	g := start(t, directory.Options{})
	for name, tt := range map[string]struct{ body, code, message string }{
		"empty":                  {" ", "BadRequest", "Empty Payload"},
		"not JSON":               {"{", "BadRequest", "well-formed JSON"},
		"an array":               {"[]", "BadRequest", "JSON object"},
		"a member twice":         {created("displayName", `"x"`), "BadRequest", "'displayName' repeats"},
		"in two casings":         {created("DisplayName", `"x"`), "BadRequest", "'DisplayName' repeats"},
		"no accountEnabled":      {without(`"accountEnabled":false,`), "Request_BadRequest", "'accountEnabled' is required"},
		"no displayName":         {without(`"displayName":"Test device",`), "Request_BadRequest", "'displayName' is required"},
		"no deviceId":            {without(`"deviceId":"4c299165-6e8f-4b45-a5ba-c5d250a707ff",`), "Request_BadRequest", "'deviceId' is required"},
		"no operatingSystem":     {without(`"operatingSystem":"linux",`), "Request_BadRequest", "'operatingSystem' is required"},
		"no version":             {strings.Replace(sample, ",\n  \"operatingSystemVersion\":\"1\"", "", 1), "Request_BadRequest", "'operatingSystemVersion' is required"},
		"null name":              {strings.Replace(sample, `"Test device"`, "null", 1), "Request_BadRequest", "'displayName' must not be null"},
		"empty name":             {strings.Replace(sample, "Test device", "", 1), "Request_BadRequest", "1 to 256"},
		"long name":              {strings.Replace(sample, "Test device", strings.Repeat("ä", 257), 1), "Request_BadRequest", "1 to 256"},
		"deviceId is no GUID":    {strings.Replace(sample, "4c299165", "4c29", 1), "Request_BadRequest", "'deviceId' must be a GUID"},
		"text as boolean":        {strings.Replace(sample, "false", `"false"`, 1), "Request_BadRequest", "true or false"},
		"key is no text":         {strings.Replace(sample, `"base64Y3YxN2E1MWFlYw=="`, "1", 1), "Request_BadRequest", "'alternativeSecurityIds'"},
		"read-only":              {created("model", `"Book"`), "Request_BadRequest", "'model' is read-only"},
		"an id":                  {created("id", `"`+surface+`"`), "Request_BadRequest", "'id' is read-only"},
		"another casing":         {created("DeviceOwnership", `"company"`), "Request_BadRequest", "did you mean 'deviceOwnership'"},
		"physicalIds":            {created("physicalIds", `["a",1]`), "Request_BadRequest", "array of strings"},
		"deviceVersion":          {created("deviceVersion", `3000000000`), "Request_BadRequest", "32 bits"},
		"sixteenth attribute":    {created("extensionAttributes", `{"extensionAttribute16":"x"}`), "Request_BadRequest", "extensionAttribute1 to 15"},
		"foreign annotation":     {created("@odata.type", `"#microsoft.graph.user"`), "Request_BadRequest", "@odata.type"},
		"a deviceId that exists": {strings.Replace(sample, "4c299165-6e8f-4b45-a5ba-c5d250a707ff", strings.ToUpper(desktopDevice), 1), "Request_BadRequest", "deviceId exists already"},
	} {
		t.Run(name, func(t *testing.T) {
			mustRefuse(t, g.do(http.MethodPost, "/v1.0/devices", tt.body), 400, tt.code, tt.message)
		})
	}
	a := g.do(http.MethodPost, "/v1.0/devices", strings.Replace(sample, "4c299165-6e8f-4b45-a5ba-c5d250a707ff", desktopDevice, 1))
	mustEqual(t, a.json["error"].(map[string]any)["details"],
		`[{"code":"ObjectConflict","message":"Another object with the same value for the property deviceId exists already.","target":"deviceId"}]`)
	if n := len(g.Devices()); n != 12 {
		t.Errorf("%d devices", n)
	}
}

// The type is open: members that nobody documents are kept, filtered out by $select, and changed.
func TestOpenType(t *testing.T) {
	g := start(t, directory.Options{})
	a := g.do(http.MethodPost, "/v1.0/devices", created("@odata.type", `"#microsoft.graph.device", "extension_a_room": {"floor": 12345678901234567}`))
	if a.status != http.StatusCreated || !strings.Contains(string(a.raw), `"extension_a_room":{"floor":12345678901234567}`) {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	id := a.json["id"].(string)
	mustEqual(t, subset(g.get("/v1.0/devices/"+id+"?$select=extension_a_room").json, "extension_a_room"), `{"extension_a_room":{"floor":12345678901234567}}`)
}

func TestUpdates(t *testing.T) {
	g := start(t, directory.Options{})
	target := "/v1.0/devices(deviceId='" + desktopDevice + "')"
	for _, tt := range []struct{ body, message string }{
		{`{"deviceId":"4c299165-6e8f-4b45-a5ba-c5d250a707ff"}`, "'deviceId' is read-only"},
		{`{"id":"` + surface + `"}`, "'id' is read-only"},
		{`{"trustType":"AzureAd"}`, "'trustType' is read-only"},
		{`{"approximateLastSignInDateTime":"2026-01-01T00:00:00Z"}`, "read-only"},
		{`{"displayName":null}`, "'displayName' must not be null"},
		{`{"isManaged":"yes"}`, "'isManaged' must be true or false"},
		{`{"AccountEnabled":true}`, "did you mean 'accountEnabled'"},
		{`{"extensionAttributes":null}`, "'extensionAttributes' must not be null"},
	} {
		mustRefuse(t, g.do(http.MethodPatch, target, tt.body), 400, "Request_BadRequest", tt.message)
	}
	if a := g.do(http.MethodPatch, target, `{"isManaged":true,"deviceCategory":"lab","isCompliant":null}`); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	mustEqual(t, subset(g.get(target).json, "isManaged", "deviceCategory", "isCompliant", "displayName"),
		`{"isManaged":true,"deviceCategory":"lab","isCompliant":null,"displayName":"DESKTOP-858MANH"}`)
	mustRefuse(t, g.do(http.MethodPatch, "/v1.0/devices/"+adele, `{}`), 404, "Request_ResourceNotFound", adele)
}

func TestDelete(t *testing.T) {
	for soft, reason := range map[bool]string{false: "deleted", true: "changed"} {
		g := start(t, directory.Options{SoftDelete: soft})
		_, _, link := g.sync("/v1.0/devices/delta")
		target := "/v1.0/devices/" + desktop
		if a := g.do(http.MethodDelete, target, ""); a.status != http.StatusNoContent || len(a.raw) != 0 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		for _, p := range []string{target, "/v1.0/devices(deviceId='" + desktopDevice + "')", target + "/memberOf"} {
			mustRefuse(t, g.get(p), 404, "Request_ResourceNotFound", "")
		}
		mustRefuse(t, g.do(http.MethodDelete, target, ""), 404, "Request_ResourceNotFound", desktop)
		items, _, _ := g.sync(link)
		mustEqual(t, items, `[{"id":"`+desktop+`","@removed":{"reason":"`+reason+`"}}]`)
		if err := g.Restore(desktop); (err == nil) != soft {
			t.Errorf("restore: %v", err)
		}
		// The deviceId is free again unless the device is back.
		again := strings.Replace(sample, "4c299165-6e8f-4b45-a5ba-c5d250a707ff", desktopDevice, 1)
		if a := g.do(http.MethodPost, "/v1.0/devices", again); (a.status == http.StatusCreated) == soft {
			t.Errorf("%d %s", a.status, a.raw)
		}
	}
}

func TestQuota(t *testing.T) {
	g := start(t, directory.Options{MaxDevices: 12, MaxBody: 500})
	mustRefuse(t, g.do(http.MethodPost, "/v1.0/devices", sample), 403, "Directory_QuotaExceeded", "12 devices")
	mustDo(t, g.Delete(desktop, true))
	if a := g.do(http.MethodPost, "/v1.0/devices", sample); a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.raw)
	}
	mustRefuse(t, g.do(http.MethodPost, "/v1.0/devices", sample+strings.Repeat(" ", 500)), 413, "RequestEntityTooLarge", "500 bytes")
}
