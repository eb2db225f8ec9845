package authority_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator/authority"
)

// control asks the control surface.
func (p *platform) control(method, path, body string) answer {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+"/emulator/signin/"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return p.do(req)
}

func (p *platform) mustChange(method, path, body string) {
	p.t.Helper()
	if a := p.control(method, path, body); a.status != http.StatusNoContent {
		p.t.Fatalf("%s %s: %d %s", method, path, a.status, a.raw)
	}
}

func TestControl(t *testing.T) {
	p := start(t, authority.Options{})
	begin := func() answer {
		return p.post("consumers", "devicecode", "client_id", authority.DeviceApp, "scope", "offline_access "+command)
	}
	poll := func(d answer) answer {
		return p.post("consumers", "token", "client_id", authority.DeviceApp, "grant_type", "device_code", "device_code", d.DeviceCode)
	}
	d := begin()
	var list struct {
		Value []struct {
			UserCode, Client, App string
			Scopes                []string
		}
	}
	if err := json.Unmarshal([]byte(p.control("GET", "codes", "").raw), &list); err != nil || len(list.Value) != 1 ||
		list.Value[0].UserCode != d.UserCode || list.Value[0].Client != authority.DeviceApp || list.Value[0].Scopes[0] != command {
		t.Fatalf("%v, %+v", err, list)
	}
	p.mustChange("PUT", "token-life", `{"tokenLife":"90s"}`)
	p.mustChange("POST", "codes/"+d.UserCode+"/approve", `{"account":"`+authority.PersonalUser+`"}`)
	a := poll(d)
	if a.status != http.StatusOK || a.ExpiresIn != 90 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	no := begin()
	p.mustChange("POST", "codes/"+no.UserCode+"/decline", `{}`)
	poll(no).refuses(t, 400, "authorization_declined", 65004, "declined")

	p.mustChange("POST", "interaction", `{"account":"`+authority.PersonalUser+`"}`)
	p.refresh(a.Refresh, command).refuses(t, 400, "invalid_grant", 50076, "multi-factor")
	if got := p.control("POST", "revoke", `{"account":"`+authority.PersonalUser+`","accessTokens":true}`); got.raw != `{"revoked":1}` {
		t.Errorf("%s", got.raw)
	}
	p.refresh(a.Refresh, command).refuses(t, 400, "invalid_grant", 50173, "revoked")
	if got := p.control("GET", "ledger", "").raw; got != `{"deviceCodes":2,"polls":0,"deviceGrants":1,"codeGrants":0,"refreshes":0,"clientGrants":0,"refused":{"50076":1,"50173":1,"65004":1}}` {
		t.Errorf("%s", got)
	}
	if got := p.control("GET", "assertion?client="+authority.DirectoryApp, ""); !strings.HasPrefix(got.raw, `{"assertion":"ey`) {
		t.Errorf("%s", got.raw)
	}
	const faults = `{"delay":"1ms","status":503,"retryAfter":"2s","times":3}`
	p.mustChange("PUT", "faults", faults)
	if got := p.control("GET", "faults", "").raw; got != faults {
		t.Errorf("%s", got)
	}
}

func TestControlRefusals(t *testing.T) {
	p := start(t, authority.Options{})
	d := p.post("consumers", "devicecode", "client_id", authority.DeviceApp, "scope", command)
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
	}{
		"no such account":   {"POST", "codes/" + d.UserCode + "/approve", `{"account":"nobody@example"}`, 404},
		"AADSTS50034":       {"POST", "codes/" + d.UserCode + "/approve", `{"account":"` + authority.WorkUser + `"}`, 400},
		"no such code":      {"POST", "codes/XXXX/decline", `{}`, 404},
		"unknown field":     {"POST", "revoke", `{"user":"x"}`, 400},
		"either Account or": {"POST", "revoke", `{}`, 400},
		"not a duration":    {"PUT", "token-life", `{"tokenLife":"soon"}`, 400},
		"less than a":       {"PUT", "token-life", `{"tokenLife":"1ms"}`, 400},
		"none of 429":       {"PUT", "faults", `{"status":418}`, 400},
		"more than one":     {"PUT", "faults", `{} {}`, 400},
		"not registered":    {"GET", "assertion?client=x", ``, 400},
		"is issued here":    {"GET", "assertion?client=" + authority.DeviceApp, ``, 400},
		"no such acc":       {"POST", "interaction", `{"account":"x"}`, 404},
	} {
		if a := p.control(tt.method, tt.path, tt.body); a.status != tt.status || !strings.Contains(a.raw, name) {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if err := p.Decline(d.UserCode); err != nil {
		t.Fatal(err)
	}
	if a := p.control("POST", "codes/"+d.UserCode+"/decline", `{}`); a.status != http.StatusConflict {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestControlIsLocal(t *testing.T) {
	call := func(p *platform, change func(*http.Request)) int {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/emulator/signin/ledger", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:40000", "localhost:8089"
		change(r)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		return w.Code
	}
	p, open := start(t, authority.Options{}), start(t, authority.Options{OpenControl: true})
	for name, change := range map[string]func(*http.Request){
		"caller somewhere else": func(r *http.Request) { r.RemoteAddr = "203.0.113.7:40000" },
		"name of another host":  func(r *http.Request) { r.Host = "rebound.example.org" },
		"forwarded":             func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.7") },
		"forwarded, RFC 7239":   func(r *http.Request) { r.Header.Set("Forwarded", "for=203.0.113.7") },
	} {
		if got := call(p, change); got != http.StatusForbidden {
			t.Errorf("%s: %d", name, got)
		}
		if got := call(open, change); got != http.StatusOK {
			t.Errorf("%s, open: %d", name, got)
		}
	}
	if got := call(p, func(*http.Request) {}); got != http.StatusOK {
		t.Errorf("on this machine: %d", got)
	}
	r := httptest.NewRequestWithContext(t.Context(), "PUT", "/emulator/signin/faults", strings.NewReader(`{}`))
	w := httptest.NewRecorder()
	if open.ServeHTTP(w, r); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("not JSON: %d", w.Code)
	}
}
