package authority_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/graph/emulator/authority"
)

func TestDeviceCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := direct(t, authority.Options{DeviceCodeLife: time.Minute})
		begin := func() answer {
			return p.post("consumers", "devicecode", "client_id", authority.DeviceApp, "scope", command)
		}
		poll := func(d answer) answer {
			return p.post("consumers", "token", "client_id", authority.DeviceApp,
				"grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", d.DeviceCode)
		}
		d := begin()
		if d.ExpiresIn != 60 || !strings.Contains(d.raw, `"interval":5`) || len(d.UserCode) != 9 {
			t.Fatalf("%s", d.raw)
		}
		poll(d).refuses(t, 400, "authorization_pending", 70016, "pending")
		<-time.After(time.Second)
		poll(d).refuses(t, 400, "slow_down", 70016, "5s")
		<-time.After(5 * time.Second)
		poll(d).refuses(t, 400, "authorization_pending", 70016, "pending")
		if list := p.Pending(); len(list) != 1 || list[0].UserCode != d.UserCode || list[0].Client != authority.DeviceApp || list[0].Scopes[0] != command {
			t.Errorf("%+v", list)
		}
		if err := p.Approve(strings.ToLower(d.UserCode[:4])+"-"+d.UserCode[4:], authority.PersonalUser); err != nil {
			t.Fatal(err)
		}
		if a := poll(d); a.status != http.StatusOK || a.Access == "" {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		poll(d).refuses(t, 400, "invalid_grant", 54005, "already redeemed")
		if err := p.Decline(d.UserCode); !errors.Is(err, authority.ErrNotPending) {
			t.Errorf("decided twice: %v", err)
		}

		no := begin()
		if err := p.Decline(no.UserCode); err != nil {
			t.Fatal(err)
		}
		poll(no).refuses(t, 400, "authorization_declined", 65004, "declined")

		late := begin()
		<-time.After(time.Minute)
		poll(late).refuses(t, 400, "expired_token", 70020, "expired")
		if err := p.Approve(late.UserCode, authority.PersonalUser); !errors.Is(err, authority.ErrNotPending) || !strings.Contains(err.Error(), "AADSTS70019") {
			t.Errorf("late: %v", err)
		}
		if err := p.Approve("BCDFGHJKL", authority.PersonalUser); !errors.Is(err, authority.ErrUnknownCode) || !strings.Contains(err.Error(), "AADSTS70018") {
			t.Errorf("unknown: %v", err)
		}
		if len(p.Pending()) != 0 {
			t.Errorf("%+v", p.Pending())
		}
	})
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := direct(t, authority.Options{})
		const all = "offline_access " + command + " " + read
		first := p.signIn(all)
		second := p.refresh(first.Refresh, command)
		if second.status != http.StatusOK || second.Refresh == first.Refresh || second.Refresh == "" || second.Scope != command {
			t.Fatalf("%d %s", second.status, second.raw)
		}
		if again := p.refresh(first.Refresh, ""); again.status != http.StatusOK {
			t.Errorf("the old one is no longer valid: %s", again.raw)
		} else if g, err := p.Check(again.Access); err != nil || len(g.Scopes) != 2 {
			t.Errorf("without a scope: %+v, %v", g, err)
		}
		p.refresh(first.Refresh, "User.Read").refuses(t, 400, "invalid_grant", 65001, "consented")
		if a := p.refresh(first.Refresh, "User.Read"); a.Suberror != "consent_required" {
			t.Errorf("suberror %q", a.Suberror)
		}

		<-time.After(89 * 24 * time.Hour)
		third := p.refresh(second.Refresh, command)
		<-time.After(2 * 24 * time.Hour)
		p.refresh(second.Refresh, command).refuses(t, 400, "invalid_grant", 700082, "inactivity")
		fourth := p.refresh(third.Refresh, command)
		if fourth.status != http.StatusOK {
			t.Fatalf("used within 90 days: %s", fourth.raw)
		}

		other := p.signIn(all)
		if n, err := p.Revoke(authority.Revocation{RefreshToken: third.Refresh}); err != nil || n == 0 {
			t.Fatalf("%d, %v", n, err)
		}
		p.refresh(fourth.Refresh, command).refuses(t, 400, "invalid_grant", 50173, "revoked")
		if a := p.refresh(fourth.Refresh, command); a.Suberror != "bad_token" {
			t.Errorf("suberror %q", a.Suberror)
		}
		if _, err := p.Check(fourth.Access); err != nil {
			t.Errorf("the access token does not live on: %v", err)
		}
		if a := p.refresh(other.Refresh, command); a.status != http.StatusOK {
			t.Errorf("another sign-in was revoked too: %s", a.raw)
		}
	})
}

func TestRevokeAccount(t *testing.T) {
	p := start(t, authority.Options{})
	a := p.signIn("offline_access " + command)
	bare := p.signIn(command)
	if n, err := p.Revoke(authority.Revocation{Account: authority.PersonalUser, AccessTokens: true}); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	p.refresh(a.Refresh, command).refuses(t, 400, "invalid_grant", 50173, "revoked")
	for _, token := range []string{a.Access, bare.Access} {
		if _, err := p.Check(token); !errors.Is(err, authority.ErrRevoked) {
			t.Errorf("%v", err)
		}
	}
	if _, err := p.Check("nobody's"); !errors.Is(err, authority.ErrUnknownToken) || strings.Contains(err.Error(), "nobody's") {
		t.Errorf("%v", err)
	}
	if again := p.signIn(command); again.Access == "" {
		t.Error("no new sign-in after a revocation")
	}
	for name, r := range map[string]authority.Revocation{
		"nothing": {}, "both": {Account: authority.PersonalUser, RefreshToken: a.Refresh}, "nobody": {Account: "nobody@example"}, "no token": {RefreshToken: "x"},
	} {
		if _, err := p.Revoke(r); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestInteractionRequired(t *testing.T) {
	p := start(t, authority.Options{})
	a := p.signIn("offline_access " + command)
	if err := p.RequireInteraction(strings.ToUpper(authority.PersonalUser)); err != nil {
		t.Fatal(err)
	}
	got := p.refresh(a.Refresh, command)
	got.refuses(t, 400, "invalid_grant", 50076, "multi-factor")
	if got.Suberror != "basic_action" {
		t.Errorf("suberror %q", got.Suberror)
	}
	p.signIn(command)
	if got := p.refresh(a.Refresh, command); got.status != http.StatusOK {
		t.Errorf("after a new sign-in: %s", got.raw)
	}
	if err := p.RequireInteraction("nobody@example"); !errors.Is(err, authority.ErrUnknownAccount) {
		t.Errorf("%v", err)
	}
}

func TestRefreshTokenOfAnotherClient(t *testing.T) {
	o := registrations()
	p := start(t, o)
	a := p.signIn("offline_access " + command)
	p.post("consumers", "token", "client_id", everybodyApp, "grant_type", "refresh_token", "refresh_token", a.Refresh).
		refuses(t, 400, "invalid_grant", 70000, "another client")
}

func TestTokenLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := direct(t, authority.Options{TokenLife: time.Minute})
		a := p.signIn("offline_access " + command)
		if a.ExpiresIn != 60 {
			t.Errorf("expires_in %d", a.ExpiresIn)
		}
		<-time.After(time.Minute)
		if _, err := p.Check(a.Access); !errors.Is(err, authority.ErrExpired) {
			t.Errorf("%v", err)
		}
		if err := p.SetTokenLife(2 * time.Minute); err != nil {
			t.Fatal(err)
		}
		if a := p.refresh(a.Refresh, command); a.ExpiresIn != 120 {
			t.Errorf("expires_in %d", a.ExpiresIn)
		}
		if err := p.SetTokenLife(0); err == nil {
			t.Error("a life of nothing: no error")
		}
	})
}

func TestPermits(t *testing.T) {
	personal := authority.Grant{Account: "a", Personal: true, Scopes: []string{"Device.Read"}}
	work := authority.Grant{Account: "a", Scopes: []string{"Device.Command", "Device.Read.All"}}
	app := authority.Grant{Roles: []string{"Device.Read.All"}}
	none, all := []string(nil), []string{"Directory.Read.All", "Device.Read.All"}
	for name, tt := range map[string]struct {
		grant                       authority.Grant
		work, personal, application []string
		want                        string
	}{
		"personal with it":       {personal, none, []string{"Device.Read"}, none, ""},
		"personal without it":    {personal, none, []string{"Device.Command"}, none, "it needs Device.Command"},
		"personal not supported": {personal, all, none, all, "personal Microsoft accounts are not supported"},
		"work not supported":     {work, none, []string{"Device.Command"}, none, "work accounts are not supported"},
		"work with one of them":  {work, all, none, all, ""},
		"app not supported":      {app, none, []string{"Device.Command"}, none, "app tokens are not supported"},
		"app with one of them":   {app, none, none, all, ""},
		"app without it":         {app, all, none, []string{"Device.ReadWrite.All"}, "it needs Device.ReadWrite.All"},
	} {
		err := tt.grant.Permits(tt.work, tt.personal, tt.application)
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, authority.ErrForbidden) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The emulated Graph beside the authority has the authority's host, and its name in a scope is as good as Graph's.
func TestScopeOfThisHost(t *testing.T) {
	p := start(t, authority.Options{})
	a := p.signIn("openid offline_access profile " + p.url + "/Device.Command " + p.url + "/.default")
	if want := "openid profile " + p.url + "/Device.Command"; !strings.HasPrefix(a.Scope, want) || !strings.HasSuffix(a.Scope, p.url+"/.default") {
		t.Errorf("scope %q", a.Scope)
	}
	if g, err := p.Check(a.Access); err != nil || g.Audience != p.url || len(g.Scopes) != 2 {
		t.Errorf("%+v, %v", g, err)
	}
}
