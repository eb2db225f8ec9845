package authority_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/graph/emulator/authority"
)

func TestOptionsAreChecked(t *testing.T) {
	app := func(change func(*authority.App)) authority.Options {
		return authority.Options{Apps: directoryApp(change)}
	}
	for want, o := range map[string]authority.Options{
		"Apps[0].ID":             app(func(a *authority.App) { a.ID = "x" }),
		"Apps[0].Audience":       app(func(a *authority.App) { a.Audience = "x" }),
		"Apps[0].Tenant":         app(func(a *authority.App) { a.Tenant = "" }),
		"empty with audience":    app(func(a *authority.App) { a.Audience = authority.Personal }),
		"Device.Fly":             app(func(a *authority.App) { a.Delegated = []string{"Device.Fly"} }),
		"Apps[0].Secrets[1]":     app(func(a *authority.App) { a.Secrets = append(a.Secrets, authority.Secret{}) }),
		"Apps[0].Certificates":   app(func(a *authority.App) { a.Certificates = []*x509.Certificate{nil} }),
		"Apps[0].Federated[0]":   app(func(a *authority.App) { a.Federated = []authority.Federated{{Issuer: "x"}} }),
		"Apps[1].ID":             {Apps: append(authority.DefaultApps()[:1], authority.DefaultApps()[0])},
		"Accounts[0].Username":   {Accounts: []authority.Account{{Username: "x"}}},
		"Accounts[1].Username":   {Accounts: []authority.Account{{Username: "a@b"}, {Username: "A@B"}}},
		"Accounts[0].Tenant":     {Accounts: []authority.Account{{Username: "a@b", Tenant: authority.PersonalTenant}}},
		"TokenLife: must not":    {TokenLife: -1},
		"TokenLife: 1ms is less": {TokenLife: time.Millisecond},
		"MaxEntries":             {MaxEntries: -1},
		"Faults.Status":          {Faults: authority.Faults{Status: 404}},
		"Faults: Delay":          {Faults: authority.Faults{Delay: -1}},
	} {
		if _, err := authority.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := direct(t, authority.Options{Faults: authority.Faults{Status: 429, RetryAfter: 1500 * time.Millisecond, Times: 1}})
		begin := func() answer {
			return p.post("consumers", "devicecode", "client_id", authority.DeviceApp, "scope", command)
		}
		a := begin()
		a.refuses(t, 429, "temporarily_unavailable", 90055, "throttled")
		if got := a.header.Get("Retry-After"); got != "2" {
			t.Errorf("Retry-After %q", got)
		}
		if a := begin(); a.status != http.StatusOK {
			t.Errorf("the second request: %d", a.status)
		}
		if err := p.SetFaults(authority.Faults{Status: 503, Delay: time.Minute}); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for range 2 {
			begin().refuses(t, 503, "temporarily_unavailable", 90033, "transient")
		}
		if took := time.Since(begun); took != 2*time.Minute {
			t.Errorf("took %s", took)
		}
		if a := p.get("/consumers/oauth2/v2.0/authorize"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "" {
			t.Errorf("%d %q", a.status, a.header.Get("Retry-After"))
		}
		if a := p.get("/devicelogin"); a.status != http.StatusOK {
			t.Errorf("the page: %d", a.status)
		}
	})
}

// A client that goes away ends the delay.
func TestDelayEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t, authority.Options{Faults: authority.Faults{Delay: time.Hour}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		r := httptest.NewRequestWithContext(ctx, "GET", "/consumers/v2.0/.well-known/openid-configuration", nil)
		a.ServeHTTP(httptest.NewRecorder(), r)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	p := start(t, authority.Options{MaxEntries: 2})
	first := p.signIn("offline_access " + command)
	p.signIn("offline_access " + command)
	if _, err := p.Check(first.Access); err != nil {
		t.Fatal(err)
	}
	last := p.signIn("offline_access " + command)
	if _, err := p.Check(first.Access); !errors.Is(err, authority.ErrUnknownToken) {
		t.Errorf("the oldest: %v", err)
	}
	p.refresh(first.Refresh, command).refuses(t, 400, "invalid_grant", 9002313, "nobody gave out")
	if _, err := p.Check(last.Access); err != nil {
		t.Errorf("the newest: %v", err)
	}
}

func TestClock(t *testing.T) {
	now := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	p := direct(t, authority.Options{Now: func() time.Time { return now }})
	a := p.signIn(command)
	if g, err := p.Check(a.Access); err != nil || !g.ExpiresAt.Equal(now.Add(time.Hour)) {
		t.Errorf("%+v, %v", g, err)
	}
	now = now.Add(time.Hour)
	if _, err := p.Check(a.Access); !errors.Is(err, authority.ErrExpired) {
		t.Errorf("%v", err)
	}
	if a := p.refresh("x", command); a.Timestamp != "2031-02-03 05:05:06Z" {
		t.Errorf("timestamp %q", a.Timestamp)
	}
}

func TestOver(t *testing.T) {
	a := newAuthority(t, authority.Options{})
	h := a.Over(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for path, mine := range map[string]bool{
		"/devicelogin": true, "/consumers/v2.0/.well-known/openid-configuration": true, "/consumers/oauth2/v2.0/token": true, "/emulator/signin/ledger": true,
		"/beta/me/devices": false, "/v1.0/devices": false, "/emulator/commands": false, "/": false, "/beta/me/devices/a/commands": false,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		if (w.Code != http.StatusTeapot) != mine {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/beta/me/devices", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("alone: %d", w.Code)
	}
}
