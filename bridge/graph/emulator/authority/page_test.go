package authority_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator/authority"
)

// A person goes through the page as a browser shows it: every form is sent as it stands.
func TestDeviceLogin(t *testing.T) {
	p := start(t, authority.Options{})
	for decision, want := range map[string]string{"approve": "Approved", "decline": "Declined"} {
		d := p.post("consumers", "devicecode", "client_id", authority.DeviceApp, "scope", command)
		page := p.get("/devicelogin")
		if _, fields := form(page.raw); page.status != http.StatusOK || !fields.Has("code") || !strings.Contains(page.raw, `<label for="code">`) {
			t.Fatalf("%d %s", page.status, page.raw)
		}
		page = p.get("/devicelogin?code=" + strings.ToLower(d.UserCode))
		_, fields := form(page.raw)
		if fields.Get("code") != d.UserCode || fields.Get("account") != authority.PersonalUser || !strings.Contains(page.raw, "Device commands") {
			t.Fatalf("%d %v %s", page.status, fields, page.raw)
		}
		fields.Set("decision", decision)
		done, err := fetch(p.client, http.MethodPost, p.url+"/devicelogin", fields)
		if err != nil || !strings.Contains(done, want) {
			t.Errorf("%s: %v %s", decision, err, done)
		}
		if a := p.get("/devicelogin?code=" + d.UserCode); a.status != http.StatusBadRequest || !strings.Contains(a.raw, "no longer pending") {
			t.Errorf("twice: %d %s", a.status, a.raw)
		}
	}
	if l := p.Ledger(); l.DeviceCodes != 2 {
		t.Errorf("%+v", l)
	}
}

func TestDeviceLoginRefusals(t *testing.T) {
	p := start(t, authority.Options{Apps: []authority.App{{ID: authority.DeviceApp, Name: `<b>"App"</b>`, Audience: authority.Personal, PublicClient: true}}})
	if a := p.get("/devicelogin?code=%3Cscript%3E"); a.status != http.StatusBadRequest || !strings.Contains(a.raw, "AADSTS70018") || strings.Contains(a.raw, "<script>alert") {
		t.Errorf("%d %s", a.status, a.raw)
	}
	d := p.post("consumers", "devicecode", "client_id", authority.DeviceApp, "scope", command)
	if a := p.get("/devicelogin?code=" + d.UserCode); !strings.Contains(a.raw, "&lt;b&gt;") || strings.Contains(a.raw, "<b>") {
		t.Errorf("%s", a.raw)
	}
	page, err := fetch(p.client, http.MethodPost, p.url+"/devicelogin", url.Values{
		"code": {d.UserCode}, "account": {authority.WorkUser}, "decision": {"approve"},
	})
	if err != nil || !strings.Contains(page, "AADSTS50034") || !strings.Contains(page, `role="alert"`) {
		t.Errorf("%v %s", err, page)
	}
	if len(p.Pending()) != 1 {
		t.Error("the code is no longer pending")
	}
}

// What error_uri names is a page of this authority, and not of Microsoft's.
func TestErrorURI(t *testing.T) {
	p := start(t, authority.Options{})
	a := p.get("/consumers/oauth2/v2.0/token")
	path, ok := strings.CutPrefix(a.ErrorURI, p.url)
	if a.status != http.StatusBadRequest || !ok {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if page := p.get(path); page.status != http.StatusOK || !strings.Contains(page.raw, "AADSTS900561") {
		t.Errorf("%s: %d %s", path, page.status, page.raw)
	}
	for _, code := range []string{"", "?code=%3Cb%3E"} {
		if page := p.get("/error" + code); page.status != http.StatusBadRequest || !strings.Contains(page.raw, "number") {
			t.Errorf("%q: %d %s", code, page.status, page.raw)
		}
	}
}
