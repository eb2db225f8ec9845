package directory_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator/directory"
)

// fleet are the default devices as Go sees them, to compute expectations from, apart from the code under test.
func fleet(t *testing.T) []directory.Device {
	d, err := directory.New(directory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d.Devices()
}

func names(list []directory.Device, keep func(d directory.Device) bool) []string {
	var found []string
	for _, d := range list {
		if keep(d) {
			found = append(found, d["displayName"].(string))
		}
	}
	return found
}

func str(v any) string { s, _ := v.(string); return s }

func TestFilter(t *testing.T) {
	all := fleet(t)
	g := start(t, directory.Options{})
	for _, tt := range []struct {
		filter   string
		advanced bool
		keep     func(d directory.Device) bool
	}{
		{"accountEnabled eq false", false, func(d directory.Device) bool { return d["accountEnabled"] == false }},
		{"accountEnabled ne true", true, func(d directory.Device) bool { return d["accountEnabled"] != true }},
		{"accountEnabled in (true,false)", false, func(directory.Device) bool { return true }},
		{"displayName eq 'jimsurface'", false, func(d directory.Device) bool { return d["displayName"] == "JimSurface" }},
		{"displayName eq 'Bianca''s iPhone'", false, func(d directory.Device) bool { return d["displayName"] == "Bianca's iPhone" }},
		{"displayName in ('PRINTER-3','Sensor gateway','x')", false, func(d directory.Device) bool {
			return d["displayName"] == "PRINTER-3" || d["displayName"] == "Sensor gateway"
		}},
		{"startswith(displayName,'HALL')", false, func(d directory.Device) bool { return strings.HasPrefix(str(d["displayName"]), "Hall") }},
		{"not startsWith(displayName,'Hall')", true, func(d directory.Device) bool { return !strings.HasPrefix(str(d["displayName"]), "Hall") }},
		{"displayName ge 'm' and displayName le 'q'", false, func(d directory.Device) bool {
			n := strings.ToLower(str(d["displayName"]))
			return n >= "m" && n <= "q"
		}},
		{"displayName eq null", false, func(directory.Device) bool { return false }},
		{"operatingSystem eq 'Windows' and (isManaged eq true or accountEnabled eq false)", false, func(d directory.Device) bool {
			return d["operatingSystem"] == "Windows" && (d["isManaged"] == true || d["accountEnabled"] == false)
		}},
		{"startsWith(operatingSystemVersion,'10.0.2')", false, func(d directory.Device) bool { return strings.HasPrefix(str(d["operatingSystemVersion"]), "10.0.2") }},
		{"approximateLastSignInDateTime le 2026-03-31T00:00:00Z", false, func(d directory.Device) bool {
			s := str(d["approximateLastSignInDateTime"])
			return s != "" && s <= "2026-03-31"
		}},
		{"approximateLastSignInDateTime ge 2026-11-01", false, func(d directory.Device) bool { return str(d["approximateLastSignInDateTime"]) >= "2026-11-01" }},
		{"approximateLastSignInDateTime eq null", false, func(d directory.Device) bool { return d["approximateLastSignInDateTime"] == nil }},
		{"isCompliant eq true", false, func(d directory.Device) bool { return d["isCompliant"] == true }},
		{"not(isCompliant eq true)", true, func(d directory.Device) bool { return d["isCompliant"] != true }},
		{"id in ('" + desktop + "','" + iphone + "')", false, func(d directory.Device) bool { return d.ID() == desktop || d.ID() == iphone }},
		{"deviceId eq '" + desktopDevice + "'", false, func(d directory.Device) bool { return d["deviceId"] == desktopDevice }},
		{"startsWith(mdmAppId,'0000000a')", false, func(d directory.Device) bool { return d["mdmAppId"] != nil }},
		{"onPremisesSyncEnabled eq true", false, func(d directory.Device) bool { return d["onPremisesSyncEnabled"] == true }},
		{"onPremisesSyncEnabled ne null", true, func(d directory.Device) bool { return d["onPremisesSyncEnabled"] != nil }},
		{"onPremisesLastSyncDateTime ge 2026-01-01", false, func(d directory.Device) bool { return d["onPremisesLastSyncDateTime"] != nil }},
		{"onPremisesSecurityIdentifier eq 'S-1-5-21-1004336348-1177238915-682003330-1001'", false, func(d directory.Device) bool { return d["onPremisesSecurityIdentifier"] != nil }},
		{"extensionAttributes/extensionAttribute1 eq 'BYOD-Device'", false, func(d directory.Device) bool { return d.ID() == surface }},
		{"startsWith(extensionAttributes/extensionAttribute1,'byod')", false, func(d directory.Device) bool { return d.ID() == surface }},
		{"extensionAttributes/extensionAttribute1 eq null", false, func(d directory.Device) bool { return d.ID() != surface }},
		{"physicalIds/any(p:startsWith(p,'[HWID]:h:1'))", false, func(d directory.Device) bool {
			return slices.ContainsFunc(d["physicalIds"].([]any), func(v any) bool { return strings.HasPrefix(v.(string), "[HWID]:h:1") })
		}},
		{"physicalIds/any(p:p eq '[HWID]:h:03') or physicalIds/any(p:p eq '[HWID]:h:04')", false, func(d directory.Device) bool {
			return d["displayName"] == "Bianca's iPhone" || d["displayName"] == "Pixel of Deniz"
		}},
		{"physicalIds/$count eq 0", true, func(d directory.Device) bool { return len(d["physicalIds"].([]any)) == 0 }},
		{"systemLabels/$count ne 0", true, func(d directory.Device) bool { return len(d["systemLabels"].([]any)) != 0 }},
		{"alternativeSecurityIds/any(x:x/key eq 'a2V507' and x/type eq 2)", false, func(d directory.Device) bool { return d["displayName"] == "Hall screen 1" }},
	} {
		want := names(all, tt.keep)
		a := g.get(devices("$filter", tt.filter))
		if tt.advanced {
			mustRefuse(t, a, 400, "Request_UnsupportedQuery", "ConsistencyLevel")
			mustRefuse(t, g.advanced(devices("$filter", tt.filter)), 400, "Request_UnsupportedQuery", "$count=true")
			mustRefuse(t, g.get(devices("$filter", tt.filter, "$count", "true")), 400, "Request_UnsupportedQuery", "ConsistencyLevel")
			a = g.advanced(devices("$filter", tt.filter, "$count", "true"))
		}
		if got := column(a.values(t), "displayName"); !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", tt.filter, got, want)
		}
		if count := g.advanced(path("/v1.0/devices/$count", "$filter", tt.filter)); string(count.raw) != strconv.Itoa(len(want)) {
			t.Errorf("%s: count %s, want %d", tt.filter, count.raw, len(want))
		}
	}
}

func TestRefusedQueries(t *testing.T) {
	g := start(t, directory.Options{})
	in16 := "id in (" + strings.TrimSuffix(strings.Repeat("'x',", 16), ",") + ")"
	for _, tt := range []struct{ option, value, code, message string }{
		{"$filter", "displayName gt 'a'", "Request_UnsupportedQuery", "operator gt"},
		{"$filter", "contains(displayName,'a')", "Request_UnsupportedQuery", "contains"},
		{"$filter", "displayName eq", "Request_BadRequest", "Invalid filter clause"},
		{"$filter", "displayname eq 'a'", "Request_UnsupportedQuery", "'displayname' of resource 'Device'"},
		{"$filter", "model eq 'a'", "Request_UnsupportedQuery", "'model'"},
		{"$filter", "deviceId in ('a')", "Request_UnsupportedQuery", "'deviceId'"},
		{"$filter", "operatingSystem in ('a')", "Request_UnsupportedQuery", "'operatingSystem'"},
		{"$filter", "isCompliant in (true)", "Request_UnsupportedQuery", "'isCompliant'"},
		{"$filter", "deviceId ge 'a'", "Request_UnsupportedQuery", "'deviceId'"},
		{"$filter", "deviceId eq null", "Request_UnsupportedQuery", "'deviceId'"},
		{"$filter", "startsWith(id,'a')", "Request_UnsupportedQuery", "'id'"},
		{"$filter", "endsWith(displayName,'a')", "Request_UnsupportedQuery", "'displayName'"},
		{"$filter", "not(onPremisesSecurityIdentifier eq 'a')", "Request_UnsupportedQuery", "'onPremisesSecurityIdentifier'"},
		{"$filter", "accountEnabled eq 'true'", "Request_BadRequest", "another type"},
		{"$filter", "displayName eq 5", "Request_BadRequest", "another type"},
		{"$filter", "approximateLastSignInDateTime ge '2026-01-01'", "Request_BadRequest", "another type"},
		{"$filter", "physicalIds eq 'a'", "Request_UnsupportedQuery", "'physicalIds'"},
		{"$filter", "physicalIds/any(p:p ne 'a')", "Request_UnsupportedQuery", "'p'"},
		{"$filter", "physicalIds/any(p:displayName eq 'a')", "Request_UnsupportedQuery", "'displayName'"},
		{"$filter", "physicalIds/any(p:p/x eq 'a')", "Request_UnsupportedQuery", "'p/x'"},
		{"$filter", "physicalIds/any(p:physicalIds/any(q:q eq 'a'))", "Request_UnsupportedQuery", "'physicalIds'"},
		{"$filter", "physicalIds/any(p:p eq 'a') and p eq 'b'", "Request_UnsupportedQuery", "'p'"},
		{"$filter", "systemLabels/any(s:s eq 'a')", "Request_UnsupportedQuery", "'s'"},
		{"$filter", "displayName/any(p:p eq 'a')", "Request_UnsupportedQuery", "'displayName'"},
		{"$filter", "physicalIds/$count eq 1", "Request_UnsupportedQuery", "'physicalIds/$count'"},
		{"$filter", "alternativeSecurityIds/$count eq 0", "Request_UnsupportedQuery", "alternativeSecurityIds/$count"},
		{"$filter", "alternativeSecurityIds/any(x:x/other eq 'a')", "Request_UnsupportedQuery", "'x/other'"},
		{"$filter", "extensionAttributes/extensionAttribute16 eq 'a'", "Request_UnsupportedQuery", "extensionAttribute16"},
		{"$filter", "extensionAttributes eq 'a'", "Request_UnsupportedQuery", "'extensionAttributes'"},
		{"$filter", in16, "Request_UnsupportedQuery", "15 values"},
		{"$filter", "displayName eq '" + strings.Repeat("x", 9000) + "'", "Request_BadRequest", "8192 bytes"},
		{"$select", "displayname", "Request_BadRequest", "did you mean 'displayName'"},
		{"$select", "name", "Request_BadRequest", "'name' on the type 'microsoft.graph.device'"},
		{"$select", "id,", "Request_BadRequest", "''"},
		{"$orderby", "model", "Request_UnsupportedQuery", "'model'"},
		{"$orderby", "displayName up", "Request_BadRequest", "$orderby"},
		{"$search", "Jim", "Request_BadRequest", "$search"},
		{"$search", `"model:Book"`, "Request_UnsupportedQuery", "'model'"},
		{"$search", `"displayName:Jim" and "displayName:x"`, "Request_BadRequest", "AND or OR"},
		{"$search", `"displayName:Jim" AND `, "Request_BadRequest", "$search"},
		{"$search", `"displayName:-"`, "Request_BadRequest", "no words"},
		{"$top", "0", "Request_BadRequest", "$top"},
		{"$top", "1000", "Request_BadRequest", "$top"},
		{"$top", "ten", "Request_BadRequest", "$top"},
		{"$count", "1", "Request_BadRequest", "$count"},
		{"$expand", "extensions", "Request_BadRequest", "'extensions'"},
		{"$expand", "memberOf,registeredOwners", "Request_UnsupportedQuery", "one relation"},
		{"$expand", "memberOf($select=name)", "Request_BadRequest", "'name'"},
		{"$skip", "10", "Request_UnsupportedQuery", "'$skip'"},
		{"$format", "json", "Request_UnsupportedQuery", "'$format'"},
		{"$deltatoken", "x", "Request_UnsupportedQuery", "'$deltatoken'"},
		{"$filter", "", "Request_BadRequest", "empty"},
		{"$skiptoken", "abc", "Request_BadRequest", "$skiptoken"},
	} {
		mustRefuse(t, g.get(devices(tt.option, tt.value)), 400, tt.code, tt.message)
	}
	mustRefuse(t, g.get("/v1.0/devices?$top=1&$TOP=2"), 400, "Request_BadRequest", "more than once")
	mustRefuse(t, g.get("/v1.0/devices?%zz"), 400, "Request_BadRequest", "malformed")
	mustRefuse(t, g.get("/v1.0/devices/"+desktop+"?$filter=id%20eq%20'x'"), 400, "Request_UnsupportedQuery", "'$filter'")
}

// What needs both of the advanced query parameters is refused without one of them.
func TestAdvancedQueries(t *testing.T) {
	g := start(t, directory.Options{})
	for _, options := range [][]string{
		{"$search", `"displayName:hall"`},
		{"$orderby", "displayName"},
		{"$filter", "accountEnabled eq true", "$orderby", "displayName"},
	} {
		mustRefuse(t, g.get(devices(options...)), 400, "Request_UnsupportedQuery", "ConsistencyLevel: eventual")
		mustRefuse(t, g.advanced(devices(options...)), 400, "Request_UnsupportedQuery", "$count=true")
		both := append([]string{"$count", "true"}, options...)
		mustRefuse(t, g.get(devices(both...)), 400, "Request_UnsupportedQuery", "ConsistencyLevel: eventual")
		mustRefuse(t, g.advanced(devices(append(both, "$expand", "memberOf")...)), 400, "Request_UnsupportedQuery", "'$expand'")
		if a := g.advanced(devices(both...)); a.status != 200 || a.json["@odata.count"] == nil {
			t.Errorf("%q: %d %s", both, a.status, a.raw)
		}
	}
	mustRefuse(t, g.get(devices("$count", "true")), 400, "Request_UnsupportedQuery", "'$count'")
	mustRefuse(t, g.get("/v1.0/devices/$count"), 400, "Request_BadRequest", "ConsistencyLevel")
	a, err := g.request("GET", "/v1.0/devices", "", map[string]string{"ConsistencyLevel": "strong"})
	if err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, a, 400, "Request_BadRequest", "must be eventual")
}

func TestSearch(t *testing.T) {
	g := start(t, directory.Options{})
	for search, want := range map[string][]string{
		`"displayName:surface"`:                                       {"JimSurface"},
		`"displayName:jim"`:                                           {"JimSurface"},
		`"displayName:urface"`:                                        nil,
		`"displayName:screen hall"`:                                   {"Hall screen 1", "Hall screen 2"},
		`"displayName:hall" AND "displayName:2"`:                      {"Hall screen 2"},
		`"displayName:printer" OR "displayName:iPhone"`:               {"Bianca's iPhone", "PRINTER-3"},
		`"displayName:vm"`:                                            {"SecureVM west"},
		`"displayName:secure"`:                                        {"SecureVM west"},
		`"displayName:858"`:                                           {"DESKTOP-858MANH"},
		`"displayName:a" AND "displayName:x" OR "displayName:sensor"`: {"Sensor gateway"},
	} {
		a := g.advanced(devices("$search", search, "$count", "true"))
		if got := column(a.values(t), "displayName"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", search, got, want)
		}
	}
}

func TestOrder(t *testing.T) {
	all := fleet(t)
	g := start(t, directory.Options{})
	byName := func(a, b directory.Device) int {
		return strings.Compare(strings.ToLower(str(a["displayName"])), strings.ToLower(str(b["displayName"])))
	}
	byTime := func(a, b directory.Device) int {
		return strings.Compare(str(a["approximateLastSignInDateTime"]), str(b["approximateLastSignInDateTime"]))
	}
	down := func(f func(a, b directory.Device) int) func(a, b directory.Device) int {
		return func(a, b directory.Device) int { return f(b, a) }
	}
	for order, less := range map[string]func(a, b directory.Device) int{
		"displayName": byName, "displayName asc": byName, "displayName desc": down(byName),
		"approximateLastSignInDateTime": byTime, "approximateLastSignInDateTime desc,displayName": down(byTime),
	} {
		want := slices.Clone(all)
		slices.SortStableFunc(want, less)
		got, sizes, _ := g.pages(devices("$orderby", order, "$count", "true", "$top", "5"))
		if !slices.Equal(column(got, "displayName"), names(want, func(directory.Device) bool { return true })) || !slices.Equal(sizes, []int{5, 5, 2}) {
			t.Errorf("%s: %q %v", order, column(got, "displayName"), sizes)
		}
	}
}

func TestSelectAndExpand(t *testing.T) {
	g := start(t, directory.Options{})
	a := g.get(devices("$select", "displayName,onPremisesSecurityIdentifier,extension_room", "$top", "999"))
	if a.json["@odata.context"] != "https://graph.microsoft.com/v1.0/$metadata#devices(displayName,onPremisesSecurityIdentifier,extension_room)" {
		t.Errorf("%s", a.raw)
	}
	for _, d := range a.values(t) {
		if len(d) != 4 || d["id"] == nil {
			t.Errorf("%v", d)
		}
	}
	if d := a.values(t)[9]; d["onPremisesSecurityIdentifier"] == nil {
		t.Errorf("%v", d)
	}
	if d := a.values(t)[10]; d["extension_room"] != "4.11" {
		t.Errorf("%v", d)
	}
	a = g.get(path("/v1.0/devices/"+surface, "$select", "id", "$expand", "transitiveMemberOf($select=id)"))
	mustEqual(t, a.json, `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#devices(id,transitiveMemberOf(id))/$entity","id":"`+surface+`",
		"transitiveMemberOf":[{"@odata.type":"#microsoft.graph.group","id":"`+tablets+`"},{"@odata.type":"#microsoft.graph.group","id":"`+windows+`"},
		{"@odata.type":"#microsoft.graph.group","id":"`+allDevices+`"}]}`)
	a = g.get(devices("$expand", "registeredOwners"))
	owners := a.values(t)[0]["registeredOwners"].([]any)
	if len(owners) != 1 || owners[0].(map[string]any)["userPrincipalName"] != "adele@contoso.com" {
		t.Errorf("%v", owners)
	}
	if none := a.values(t)[8]["registeredOwners"].([]any); len(none) != 0 {
		t.Errorf("%v", none)
	}
}

// Graph's page on query parameters gives at most 20 related objects with $expand; the list of the relation gives all.
func TestExpandIsCut(t *testing.T) {
	var objects []directory.Object
	e := directory.Entry{Device: fleet(t)[0]}
	for n := range 25 {
		id := fmt.Sprintf("00000000-0000-4000-8000-0000000000%02d", n)
		objects = append(objects, directory.Object{Type: directory.TypeGroup, Members: map[string]any{"id": id, "displayName": id}})
		e.MemberOf = append(e.MemberOf, id)
	}
	g := start(t, directory.Options{Objects: objects, Devices: []directory.Entry{e}})
	expanded := g.get("/v1.0/devices/" + desktop + "?$expand=memberOf").json["memberOf"].([]any)
	listed := g.get("/v1.0/devices/" + desktop + "/memberOf").values(t)
	if len(expanded) != 20 || !slices.Equal(column(listed, "id"), e.MemberOf) {
		t.Errorf("%d expanded, %d listed", len(expanded), len(listed))
	}
}
