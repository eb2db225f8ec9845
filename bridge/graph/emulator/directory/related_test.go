package directory_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator/directory"
)

func TestRelations(t *testing.T) {
	g := start(t, directory.Options{})
	for p, want := range map[string][]string{
		desktop + "/memberOf":                                                                                                {"Windows devices", "Berlin"},
		desktop + "/transitiveMemberOf":                                                                                      {"Windows devices", "Berlin", "All devices"},
		desktop + "/registeredOwners":                                                                                        {"Adele Vance"},
		surface + "/registeredUsers":                                                                                         {"Adele Vance", "Bianca Pisani"},
		surface + "/registeredusers/microsoft.graph.user?$count=true":                                                        {"Adele Vance", "Bianca Pisani"},
		desktop + "/memberOf/microsoft.graph.group?$count=true":                                                              {"Windows devices"},
		desktop + "/memberOf/graph.administrativeUnit?$count=true":                                                           {"Berlin"},
		desktop + "/memberOf/microsoft.graph.user?$count=true":                                                               nil,
		surface + "/registeredUsers?$count=true&$filter=startsWith(displayName,'b')":                                         {"Bianca Pisani"},
		surface + "/registeredUsers/graph.user?$count=true&$filter=endsWith(userPrincipalName,'@contoso.com')":               {"Adele Vance", "Bianca Pisani"},
		surface + "/transitiveMemberOf?$count=true&$search=\"displayName:dev\"":                                              {"Windows devices", "All devices"},
		surface + "/transitiveMemberOf?$count=true&$orderby=displayName%20desc":                                              {"Windows devices", "Tablets", "All devices"},
		surface + "/transitiveMemberOf/graph.group?$count=true&$filter=securityEnabled%20eq%20true%20and%20mail%20eq%20null": {"Tablets", "Windows devices", "All devices"},
	} {
		a := g.advanced("/v1.0/devices/" + p)
		if got := column(a.values(t), "displayName"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
		if count, ok := a.json["@odata.count"].(float64); ok && int(count) != len(want) {
			t.Errorf("%s: count %v", p, count)
		}
	}
	for p, want := range map[string]string{
		"/memberOf/$count": "2", "/memberOf/microsoft.graph.group/$count": "1", "/registeredOwners/$count": "1",
		"/transitiveMemberOf/$count?$filter=startsWith(displayName,'w')": "1",
	} {
		if a := g.advanced("/v1.0/devices/" + desktop + p); string(a.raw) != want {
			t.Errorf("%s: %s", p, a.raw)
		}
		mustRefuse(t, g.get("/v1.0/devices/"+desktop+p), 400, "Request_BadRequest", "ConsistencyLevel")
	}
	for _, p := range []string{"/memberOf/graph.group", "/memberOf?$filter=id%20eq%20'x'", "/memberOf?$orderby=displayName"} {
		mustRefuse(t, g.get("/v1.0/devices/"+desktop+p), 400, "Request_UnsupportedQuery", "ConsistencyLevel")
	}
	mustRefuse(t, g.advanced("/v1.0/devices/"+desktop+"/memberOf?$count=true&$filter=startsWith(mail,'a')"), 400, "Request_UnsupportedQuery", "'DirectoryObject'")
	mustRefuse(t, g.get("/v1.0/devices/"+adele+"/memberOf"), 404, "Request_ResourceNotFound", adele)
}

func TestReferences(t *testing.T) {
	g := start(t, directory.Options{})
	owners := "/v1.0/devices/" + desktop + "/registeredOwners"
	users := "/v1.0/devices(deviceId='" + desktopDevice + "')/registeredUsers"
	ref := func(id string) string {
		return `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/` + id + `"}`
	}
	for _, p := range []string{owners, users} {
		if a := g.do(http.MethodPost, p+"/$ref", ref(bianca)); a.status != http.StatusNoContent || len(a.raw) != 0 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		if got := column(g.get(p).values(t), "id"); !slices.Equal(got, []string{adele, bianca}) {
			t.Fatalf("%q", got)
		}
		mustRefuse(t, g.do(http.MethodPost, p+"/$ref", ref(bianca)), 400, "Request_BadRequest", "already among the registered")
		if a := g.do(http.MethodDelete, p+"/"+strings.ToUpper(adele)+"/$ref", ""); a.status != http.StatusNoContent {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		if got := column(g.get(p).values(t), "id"); !slices.Equal(got, []string{bianca}) {
			t.Fatalf("%q", got)
		}
		mustRefuse(t, g.do(http.MethodDelete, p+"/"+adele+"/$ref", ""), 404, "Request_ResourceNotFound", adele)
	}
	if a := g.do(http.MethodPost, owners+"/$ref", `{"@odata.id":"http://localhost/v1.0/users/`+adele+`"}`); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.raw)
	}
	for _, tt := range []struct {
		body    string
		status  int
		message string
	}{
		{`{"@odata.id":"` + adele + `"}`, 400, "'@odata.id' must be a URL"},
		{`{"@odata.id":"https://graph.microsoft.com/v1.0/groups/` + adele + `"}`, 400, "'@odata.id'"},
		{`{"@odata.id":1}`, 400, "'@odata.id'"},
		{`{"id":"` + adele + `"}`, 400, "'id' is not known"},
		{`{}`, 400, "'@odata.id'"},
		{ref(windows), 400, "only users"},
		{ref("11111111-1111-4111-8111-111111111111"), 404, "11111111"},
	} {
		a := g.do(http.MethodPost, owners+"/$ref", tt.body)
		if a.status != tt.status || !strings.Contains(string(a.raw), tt.message) {
			t.Errorf("%s: %d %s", tt.body, a.status, a.raw)
		}
	}
}

func TestMemberObjects(t *testing.T) {
	g := start(t, directory.Options{})
	const berlin, video = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a2001", "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a1004"
	for _, tt := range []struct{ device, action, body, want string }{
		{desktop, "checkMemberObjects", `{"ids":["` + allDevices + `","` + tablets + `","` + strings.ToUpper(berlin) + `"]}`, `["` + berlin + `","` + allDevices + `"]`},
		{desktop, "microsoft.graph.checkMemberObjects", `{"ids":["` + tablets + `"]}`, `[]`},
		{desktop, "getMemberObjects", `{"securityEnabledOnly":false}`, `["` + windows + `","` + berlin + `","` + allDevices + `"]`},
		{desktop, "getMemberObjects", `{"securityEnabledOnly":true}`, `["` + windows + `","` + allDevices + `"]`},
		{"5e7d2c10-90ab-4c1d-8e2f-3a4b5c6d7e07", "getMemberObjects", `{"securityEnabledOnly":true}`, `["` + windows + `","` + allDevices + `"]`},
		{"5e7d2c10-90ab-4c1d-8e2f-3a4b5c6d7e07", "getMemberObjects", `{"securityEnabledOnly":false}`, `["` + video + `","` + windows + `","` + allDevices + `"]`},
	} {
		a := g.do(http.MethodPost, "/v1.0/devices/"+tt.device+"/"+tt.action, tt.body)
		mustEqual(t, a.json, `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#Collection(Edm.String)","value":`+tt.want+`}`)
	}
	twentyOne := `{"ids":["` + strings.Repeat(adele+`","`, 20) + adele + `"]}`
	for body, action := range map[string]string{
		`{"ids":[]}`: "checkMemberObjects", twentyOne: "checkMemberObjects", `{"ids":["x"]}`: "checkMemberObjects", `{}`: "checkMemberObjects",
		`{"securityEnabledOnly":"true"}`: "getMemberObjects", `{"ids":["` + adele + `"]}`: "getMemberObjects", ``: "getMemberObjects",
	} {
		a, err := g.request(http.MethodPost, "/v1.0/devices/"+desktop+"/"+action, body, map[string]string{"Content-Type": "application/json"})
		if err != nil {
			t.Fatal(err)
		}
		mustRefuse(t, a, 400, "BadRequest", "")
	}
	mustRefuse(t, g.do(http.MethodPost, "/v1.0/devices/"+adele+"/getMemberObjects", `{"securityEnabledOnly":false}`), 404, "Request_ResourceNotFound", adele)
}
