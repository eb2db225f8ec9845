package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// oddMembers are devices with a member that is of another type than Graph's pages
// say.
func oddMembers() []string {
	return []string{
		`{"id":"d1","deviceVersion":4294967296}`, `{"id":"d1","deviceVersion":"2"}`, `{"id":"d1","accountEnabled":"True"}`,
		`{"id":"d1","displayName":12345}`, `{"id":"d1","extensionAttributes":{"extensionAttribute1":7}}`, `{"id":"d1","displayName":{"a":[1]}}`,
		`{"id":"d1","physicalIds":[1,null,{}]}`, `{"id":"d1","deviceVersion":123456789012345678901234567890}`, `{"id":7}`,
		`{"id":"d1","displayName":null,"memberOf":[{"id":7}]}`, `{"id":"d1","@odata.type":5}`,
	}
}

// TestOneOddMemberDoesNotSpoilAPage: what Graph gives is passed on as it came, by
// every endpoint that passes on what Graph gives, also behind a byte order mark.
func TestOneOddMemberDoesNotSpoilAPage(t *testing.T) {
	var entry string
	g := startOddGraph(t, nil)
	g.answer = func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		list := `{"@odata.count":"2","value":[null,{"id":"good"},5,` + entry + `]`
		switch path := strings.TrimPrefix(r.URL.Path, "/v1.0/devices"); {
		case path == "/delta":
			_, _ = fmt.Fprintf(w, "\ufeff%s,\"@odata.deltaLink\":\"%s/delta?$deltatoken=1\"}", list, g.devices())
		case path == "/d1" || r.Method == http.MethodPost && path == "":
			_, _ = fmt.Fprint(w, "\ufeff"+entry)
		case strings.HasSuffix(path, "MemberObjects"):
			_, _ = fmt.Fprint(w, "\ufeff"+`{"value":["g1",5,null,{"id":1}]}`)
		default:
			_, _ = fmt.Fprint(w, "\ufeff"+list+"}")
		}
	}
	b := cliRunBridge(t, g.URL+"/beta", map[string]string{"BRIDGE_DIRECTORY": "write", "BRIDGE_DIRECTORY_URL": g.URL + "/v1.0"})
	nc, err := nats.Connect(b.vars["NATS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, entry = range oddMembers() {
		for endpoint, request := range map[string]string{
			"directory.devices.list": `{}`, "directory.devices.delta": `{}`, "directory.devices.get": `{"id":"d1"}`,
			"directory.devices.memberOf.list": `{"id":"d1"}`, "directory.devices.transitiveMemberOf.list": `{"id":"d1"}`,
			"directory.devices.registeredOwners.list": `{"id":"d1"}`, "directory.devices.registeredUsers.list": `{"id":"d1"}`,
		} {
			var reply struct {
				Device           json.RawMessage
				Devices, Objects []json.RawMessage
				Count            *int
			}
			if err := b.ask(nc, endpoint, request, &reply); err != nil {
				t.Errorf("%s, %s: %v", endpoint, entry, err)
				continue
			}
			got := append(append(reply.Devices, reply.Objects...), reply.Device)
			if endpoint == "directory.devices.get" {
				got = []json.RawMessage{reply.Device}
			} else if string(got[0]) != `{"id":"good"}` || endpoint != "directory.devices.delta" && (reply.Count == nil || *reply.Count != 2) {
				t.Errorf("%s, %s: the others are %s, the count is %v", endpoint, entry, got, reply.Count)
				continue
			} else {
				got = got[1:]
			}
			if !sameValue(t, got[0], entry) {
				t.Errorf("%s gives %s for %s", endpoint, got[0], entry)
			}
		}
		b.ok("directory", "list")
		b.ok("directory", "get", "d1")
	}
	var ids struct{ IDs []string }
	for endpoint, request := range map[string]string{"getMemberObjects": `{"id":"d1"}`, "checkMemberObjects": `{"id":"d1","ids":["g1"]}`} {
		if err := b.ask(nc, "directory.devices."+endpoint, request, &ids); err != nil || strings.Join(ids.IDs, " ") != "g1 5" {
			t.Errorf("%s gives %v, %v", endpoint, ids.IDs, err)
		}
	}
	entry = `{"id":"d1","deviceVersion":"2"}`
	var made struct{ Device json.RawMessage }
	if err := b.ask(nc, "directory.devices.create", `{"device":{"accountEnabled":true,"alternativeSecurityIds":[{"type":2,"key":"Y3Yx"}],"deviceId":"d",
		"displayName":"New","operatingSystem":"Linux","operatingSystemVersion":"1"}}`, &made); err != nil || !sameValue(t, made.Device, entry) {
		t.Errorf("create gives %s, %v", made.Device, err)
	}
	entry = `{"ID":123456789012345678901,"Name":12345,"status":null,"Kind":{"a":1}}`
	var own struct{ Devices []json.RawMessage }
	if err := b.ask(nc, "devices.list", `{"refresh":true}`, &own); err != nil || len(own.Devices) != 2 ||
		!sameValue(t, own.Devices[1], `{"id":"123456789012345678901","name":12345,"kind":{"a":1}}`) {
		t.Errorf("devices.list gives %s, %v", own.Devices, err)
	}
	b.ok("devices")
}

// sameValue compares two JSON values; a number is its digits.
func sameValue(t *testing.T, got []byte, want string) bool {
	t.Helper()
	spell := func(text []byte) string {
		var value any
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		spelled, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(spelled)
	}
	return spell(got) == spell([]byte(want))
}

// TestLinksOfGraph: what no request line can have is escaped in a next link; one that
// leads elsewhere is blamed for that, and does not cost the page that it came with.
func TestLinksOfGraph(t *testing.T) {
	var link, asked string
	g := startOddGraph(t, nil)
	g.answer = func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			asked = r.RequestURI
			_, _ = fmt.Fprint(w, `{"value":[{"id":"b"}],"@odata.deltaLink":"`+g.devices()+`/delta?$deltatoken=9"}`)
			return
		}
		text, _ := json.Marshal(strings.ReplaceAll(link, "HOST", g.URL))
		_, _ = fmt.Fprintf(w, `{"value":[{"id":"a"}],"@odata.nextLink":%s}`, text)
	}
	b := cliRunBridge(t, g.URL+"/beta", map[string]string{"BRIDGE_COMMANDS": "off", "BRIDGE_DIRECTORY": "read", "BRIDGE_DIRECTORY_URL": g.URL + "/v1.0"})
	nc, err := nats.Connect(b.vars["NATS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	type page struct {
		Devices, Objects []json.RawMessage
		NextPageToken    string
	}
	ask := func(endpoint, request string) (page, error) {
		var p page
		err := b.ask(nc, "directory.devices."+endpoint, request, &p)
		return p, err
	}
	for endpoint, path := range map[string]string{"list": "", "delta": "/delta", "memberOf.list": "/d1/memberOf"} {
		begin := `{}`
		if endpoint == "memberOf.list" {
			begin = `{"id":"d1"}`
		}
		for given, want := range map[string]string{
			"HOST/v1.0/devices" + path + "?$filter=displayName eq 'x'&$skiptoken=S1": "?$filter=displayName%20eq%20'x'&$skiptoken=S1",
			"HOST/v1.0/devices" + path + "?$skiptoken=\u00dc\t%2F+\"<a>\\":           "?$skiptoken=%C3%9C%09%2F+\"<a>\\",
			" HOST/v1.0/devices" + path + "?$skiptoken=S1 ":                          "?$skiptoken=S1",
			"/v1.0/devices" + path + "?$skiptoken=a%20b%zz":                          "?$skiptoken=a%20b%zz",
		} {
			link, asked = given, ""
			first, err := ask(endpoint, begin)
			if err != nil || first.NextPageToken == "" {
				t.Errorf("%s with %q: %+v, %v", endpoint, given, first, err)
				continue
			}
			if _, err := ask(endpoint, fmt.Sprintf(`{"pageToken":%q}`, first.NextPageToken)); err != nil || asked != "/v1.0/devices"+path+want {
				t.Errorf("%s with %q: asked %q, want %q; %v", endpoint, given, asked, "/v1.0/devices"+path+want, err)
			}
		}
		for _, elsewhere := range []string{
			"HOST/v1.0/Devices" + path + "?$skiptoken=1", "HOST/beta/devices" + path + "?$skiptoken=1",
			"HOST/v1.0/contoso.onmicrosoft.com/devices" + path + "?$skiptoken=1", "https://graph.microsoft.com/v1.0/devices" + path + "?$skiptoken=1",
			"HOST/v1.0/users?$skiptoken=1", "http://[::1",
		} {
			link, asked = elsewhere, ""
			first, err := ask(endpoint, begin)
			if err != nil || len(first.Devices)+len(first.Objects) != 1 || first.NextPageToken == "" {
				t.Errorf("%s with %q: %+v, %v", endpoint, elsewhere, first, err)
				continue
			}
			_, err = ask(endpoint, fmt.Sprintf(`{"pageToken":%q}`, first.NextPageToken))
			if err == nil || asked != "" || !strings.Contains(err.Error(), "link") || !strings.Contains(err.Error(), "BRIDGE_DIRECTORY_URL") {
				t.Errorf("%s with %q: asked %q, %v", endpoint, elsewhere, asked, err)
			}
		}
	}
}

// TestAnExpiredPageToken: every list says that it has to begin anew.
func TestAnExpiredPageToken(t *testing.T) {
	var status int
	var code string
	g := startOddGraph(t, nil)
	g.answer = func(_ int, w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "skiptoken") {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"error":{"code":%q,"message":"The page token has expired."}}`, code)
			return
		}
		_, _ = fmt.Fprintf(w, `{"value":[],"@odata.nextLink":"http://%s%s?$skiptoken=1"}`, r.Host, r.URL.Path)
	}
	b := cliRunBridge(t, g.URL+"/beta", map[string]string{"BRIDGE_COMMANDS": "off", "BRIDGE_DIRECTORY": "read", "BRIDGE_DIRECTORY_URL": g.URL + "/v1.0"})
	nc, err := nats.Connect(b.vars["NATS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for endpoint, begin := range map[string]string{
		"list": `{}`, "delta": `{}`, "memberOf.list": `{"id":"d1"}`, "transitiveMemberOf.list": `{"id":"d1"}`,
		"registeredOwners.list": `{"id":"d1"}`, "registeredUsers.list": `{"id":"d1"}`,
	} {
		for _, answer := range []struct {
			status int
			code   string
		}{{400, "Directory_ExpiredPageToken"}, {400, "directory_expiredpagetoken"}, {410, "gone"}} {
			status, code = answer.status, answer.code
			var page struct{ NextPageToken string }
			if err := b.ask(nc, "directory.devices."+endpoint, begin, &page); err != nil {
				t.Fatal(err)
			}
			err := b.ask(nc, "directory.devices."+endpoint, fmt.Sprintf(`{"pageToken":%q}`, page.NextPageToken), &page)
			if err == nil || !strings.Contains(err.Error(), `"code":"conflict"`) || !strings.Contains(err.Error(), `"field":"pageToken"`) {
				t.Errorf("%s after %d %s: %v", endpoint, status, code, err)
			}
		}
	}
}
