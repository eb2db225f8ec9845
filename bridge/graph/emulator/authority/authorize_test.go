package authority_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/graph/emulator/authority"
)

const (
	redirect = "http://localhost:51234"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, appendix B
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ask gives the path of an authorization request, with changes: pairs of name and value, where an empty value removes.
func ask(changes ...string) string {
	q := url.Values{
		"client_id": {authority.DeviceApp}, "response_type": {"code"}, "redirect_uri": {redirect}, "scope": {"openid offline_access " + command},
		"state": {"s t&a"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}, "nonce": {"n-0S6"},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return "/consumers/oauth2/v2.0/authorize?" + q.Encode()
}

// answered gives the query that the app is sent.
func (a answer) answered(t *testing.T) url.Values {
	t.Helper()
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusFound || !strings.HasPrefix(to.String(), redirect) {
		t.Fatalf("%d to %q, %v: %s", a.status, to, err, a.raw)
	}
	return to.Query()
}

func (p *platform) redeem(code string, changes ...string) answer {
	p.t.Helper()
	form := append([]string{
		"client_id", authority.DeviceApp, "grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier,
	}, changes...)
	return p.post("consumers", "token", form...)
}

func TestAuthorizationCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := direct(t, authority.Options{AutoApprove: true})
		code := func(changes ...string) string {
			q := p.get(ask(changes...)).answered(t)
			if q.Get("state") != "s t&a" || q.Get("code") == "" {
				t.Fatalf("%v", q)
			}
			return q.Get("code")
		}
		one := code()
		p.redeem(one, "code_verifier", "another").refuses(t, 400, "invalid_grant", 501481, "code_verifier")
		p.redeem(one, "code_verifier", "").refuses(t, 400, "invalid_grant", 501481, "code_verifier")
		p.redeem(one, "redirect_uri", redirect+"/").refuses(t, 400, "invalid_grant", 500112, "redirect URI")
		a := p.redeem(one)
		if a.status != http.StatusOK || a.Refresh == "" || a.Scope != "openid "+command {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		if claims := p.verified(a.IDToken); claims["nonce"] != "n-0S6" {
			t.Errorf("%v", claims)
		}
		p.redeem(one).refuses(t, 400, "invalid_grant", 54005, "already redeemed")

		if a := p.redeem(code("code_challenge_method", "", "code_challenge", verifier)); a.status != http.StatusOK {
			t.Errorf("plain: %d %s", a.status, a.raw)
		}
		late := code()
		<-time.After(10 * time.Minute)
		p.redeem(late).refuses(t, 400, "invalid_grant", 70008, "expired")
		if l := p.Ledger(); l.CodeGrants != 2 || l.Refused[54005] != 1 {
			t.Errorf("%+v", l)
		}
	})
}

func TestResponseModes(t *testing.T) {
	p := start(t, authority.Options{AutoApprove: true})
	a := p.get(ask("response_mode", "fragment"))
	if to := a.header.Get("Location"); !strings.HasPrefix(to, redirect+"#code=") || !strings.Contains(to, "state=s+t%26a") {
		t.Errorf("fragment: %q", to)
	}
	a = p.get(ask("response_mode", "form_post"))
	action, fields := form(a.raw)
	if action != redirect || fields.Get("code") == "" || fields.Get("state") != "s t&a" {
		t.Errorf("form_post: %q %v", action, fields)
	}
	if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
}

// A form is not sent to what a browser would run instead of open.
func TestFormPostGoesToWebPages(t *testing.T) {
	const script = "javascript:alert(1)"
	app := authority.App{ID: authority.DeviceApp, Audience: authority.Personal, PublicClient: true, RedirectURIs: []string{script}, Delegated: []string{"Device.Command"}}
	p := start(t, authority.Options{AutoApprove: true, Apps: []authority.App{app}})
	a := p.get(ask("response_mode", "form_post", "redirect_uri", script))
	if a.status != http.StatusBadRequest || !strings.Contains(a.raw, "AADSTS50011") || strings.Contains(a.raw, "<form") {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestAuthorizationRefusals(t *testing.T) {
	p := start(t, authority.Options{})
	for name, tt := range map[string]struct {
		changes []string
		oauth   string
		text    string
	}{
		"implicit flow":  {[]string{"response_type", "token"}, "unsupported_response_type", "AADSTS70005"},
		"no scope":       {[]string{"scope", ""}, "invalid_request", "AADSTS900144"},
		"unknown scope":  {[]string{"scope", "Device.Fly"}, "invalid_scope", "AADSTS70011"},
		"unknown method": {[]string{"code_challenge_method", "S512"}, "invalid_request", "AADSTS9002313"},
		"nobody there":   {[]string{"prompt", "none"}, "login_required", "AADSTS50058"},
	} {
		q := p.get(ask(tt.changes...)).answered(t)
		if q.Get("error") != tt.oauth || !strings.HasPrefix(q.Get("error_description"), tt.text) || q.Get("state") != "s t&a" {
			t.Errorf("%s: %v", name, q)
		}
	}
	// Nothing is sent to a redirect URI that is not the app's.
	for name, changes := range map[string][]string{
		"AADSTS50011":    {"redirect_uri", "https://evil.example"},
		"localhost":      {"redirect_uri", "http://localhost:1/elsewhere"},
		"AADSTS900144":   {"redirect_uri", ""},
		"AADSTS700016":   {"client_id", authority.Tenant},
		"AADSTS9002332":  {"client_id", authority.DirectoryApp},
		"AADSTS9002313":  {"response_mode", "jwt"},
		"user@localhost": {"redirect_uri", "http://user@localhost:1"},
	} {
		a := p.get(ask(changes...))
		if a.status != http.StatusBadRequest || !strings.Contains(a.raw, name) || !strings.Contains(a.raw, `role="alert"`) {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
}

func TestChoosingAnAccount(t *testing.T) {
	p := start(t, authority.Options{})
	page := p.get(ask())
	if page.status != http.StatusOK || !strings.Contains(page.raw, command) || !strings.Contains(page.raw, authority.WorkUser+" (work)") {
		t.Fatalf("%d %s", page.status, page.raw)
	}
	choose := func(account, decision, site string) answer {
		body := url.Values{"account": {account}, "decision": {decision}}.Encode()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+ask(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", site)
		return p.do(req)
	}
	if a := choose(authority.WorkUser, "approve", "same-origin"); a.status != http.StatusBadRequest || !strings.Contains(a.raw, "AADSTS50034") {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := choose("nobody@example", "approve", "same-origin"); a.status != http.StatusBadRequest || !strings.Contains(a.raw, "no such account") {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := choose(authority.PersonalUser, "approve", "cross-site"); a.status != http.StatusForbidden {
		t.Errorf("a foreign page pressed the button: %d", a.status)
	}
	if q := choose(authority.PersonalUser, "decline", "same-origin").answered(t); q.Get("error") != "access_denied" {
		t.Errorf("%v", q)
	}
	if q := choose(authority.PersonalUser, "approve", "same-origin").answered(t); q.Get("code") == "" {
		t.Errorf("%v", q)
	}
}

func TestLoginHint(t *testing.T) {
	o := registrations()
	o.AutoApprove = true
	o.Apps[2].RedirectURIs = []string{"http://localhost"}
	p := start(t, o)
	path := strings.Replace(ask("client_id", everybodyApp, "scope", "User.Read", "login_hint", authority.WorkUser), "consumers", "common", 1)
	code := p.get(path).answered(t).Get("code")
	a := p.post("common", "token", "client_id", everybodyApp, "grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier)
	if g, err := p.Check(a.Access); err != nil || g.Account != authority.WorkUser || g.Personal {
		t.Errorf("%+v, %v", g, err)
	}
}
