package authority_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"devicebridge/bridge/graph/emulator/authority"
)

func (p *platform) msal(tenant string) public.Client {
	p.t.Helper()
	c, err := public.New(authority.DeviceApp, public.WithAuthority(p.url+"/"+tenant), public.WithInstanceDiscovery(false), public.WithHTTPClient(p.client))
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// byDeviceCode signs in with MSAL's device flow; decide is what the person does with the code.
func (p *platform) byDeviceCode(c public.Client, decide func(code string) error) (public.AuthResult, error) {
	p.t.Helper()
	flow, err := c.AcquireTokenByDeviceCode(p.t.Context(), []string{command, read})
	if err != nil {
		return public.AuthResult{}, err
	}
	if !strings.Contains(flow.Result.Message, flow.Result.UserCode) || flow.Result.VerificationURL != p.url+"/devicelogin" {
		p.t.Errorf("%+v", flow.Result)
	}
	if err := decide(flow.Result.UserCode); err != nil {
		p.t.Fatal(err)
	}
	return flow.AuthenticationResult(p.t.Context())
}

func (p *platform) approve(code string) error { return p.Approve(code, authority.PersonalUser) }

func TestMSALDeviceCode(t *testing.T) {
	p := start(t, authority.Options{})
	c := p.msal("consumers")
	got, err := p.byDeviceCode(c, p.approve)
	if err != nil {
		t.Fatal(err)
	}
	if got.Account.PreferredUsername != authority.PersonalUser || got.Account.Realm != "consumers" && got.Account.Realm != authority.PersonalTenant ||
		!strings.HasSuffix(got.Account.HomeAccountID, "."+authority.PersonalTenant) {
		t.Errorf("%+v", got.Account)
	}
	if !slices.Contains(got.GrantedScopes, command) || !slices.Contains(got.GrantedScopes, read) {
		t.Errorf("granted %v", got.GrantedScopes)
	}
	g, err := p.Check(got.AccessToken)
	if err != nil || !g.Personal || g.Account != authority.PersonalUser || g.Client != authority.DeviceApp ||
		!slices.Equal(g.Scopes, []string{"Device.Command", "Device.Read"}) || g.Audience != "https://graph.microsoft.com" {
		t.Errorf("%+v, %v", g, err)
	}
	again, err := c.AcquireTokenSilent(t.Context(), []string{command}, public.WithSilentAccount(got.Account))
	if err != nil || again.AccessToken != got.AccessToken || p.Ledger().Refreshes != 0 {
		t.Errorf("not from the cache: %v, %+v", err, p.Ledger())
	}
}

// MSAL begins to poll after 50 ms, in spite of the interval; it must not be slowed down for good.
func TestMSALPollsUntilApproved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := direct(t, authority.Options{})
		_, err := p.byDeviceCode(p.msal("consumers"), func(code string) error {
			time.AfterFunc(time.Minute, func() {
				if err := p.approve(code); err != nil {
					t.Error(err)
				}
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if l := p.Ledger(); l.Polls < 10 || l.DeviceGrants != 1 || l.Refused[70016] != l.Polls {
			t.Errorf("%+v", l)
		}
	})
}

func TestMSALDeclinedAndExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := direct(t, authority.Options{})
		if _, err := p.byDeviceCode(p.msal("consumers"), p.Decline); err == nil || !strings.Contains(err.Error(), "authorization_declined") {
			t.Errorf("declined: %v", err)
		}
		begin := time.Now()
		_, err := p.byDeviceCode(p.msal("consumers"), func(string) error { return nil })
		// MSAL gives up by itself at expires_in, unless the authority tells it first.
		if err == nil || !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "AADSTS70020") {
			t.Errorf("expired: %v", err)
		}
		if took := time.Since(begin); took < 14*time.Minute || took > 16*time.Minute {
			t.Errorf("gave up after %s", took)
		}
	})
}

// A sign-in lives on through hours of tokens, and ends when it is revoked.
func TestMSALRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := direct(t, authority.Options{})
		c := p.msal("consumers")
		got, err := p.byDeviceCode(c, p.approve)
		if err != nil {
			t.Fatal(err)
		}
		silent := func() (public.AuthResult, error) {
			return c.AcquireTokenSilent(t.Context(), []string{command, read}, public.WithSilentAccount(got.Account))
		}
		for i := range 5 {
			<-time.After(61 * time.Minute)
			if _, err := p.Check(got.AccessToken); !errors.Is(err, authority.ErrExpired) {
				t.Fatalf("after an hour: %v", err)
			}
			next, err := silent()
			if err != nil || next.AccessToken == got.AccessToken || p.Ledger().Refreshes != i+1 {
				t.Fatalf("refresh %d: %v, %+v", i, err, p.Ledger())
			}
			if _, err := p.Check(next.AccessToken); err != nil {
				t.Fatal(err)
			}
			got.AccessToken = next.AccessToken
		}
		if n, err := p.Revoke(authority.Revocation{Account: authority.PersonalUser}); err != nil || n != 6 {
			t.Fatalf("revoked %d, %v", n, err)
		}
		<-time.After(61 * time.Minute)
		if _, err := silent(); err == nil || !strings.Contains(err.Error(), "AADSTS50173") {
			t.Errorf("revoked: %v", err)
		}
	})
}

func TestMSALBrowser(t *testing.T) {
	p := start(t, authority.Options{})
	signIn := func(decision string) (public.AuthResult, error) {
		return p.msal("consumers").AcquireTokenInteractive(t.Context(), []string{command}, public.WithOpenURL(func(target string) error {
			return browse(p.client, target, authority.PersonalUser, decision)
		}))
	}
	got, err := signIn("approve")
	if err != nil {
		t.Fatal(err)
	}
	if g, err := p.Check(got.AccessToken); err != nil || g.Account != authority.PersonalUser || p.Ledger().CodeGrants != 1 {
		t.Errorf("%+v, %v, %+v", g, err, p.Ledger())
	}
	if _, err := signIn("decline"); err == nil || !strings.Contains(err.Error(), "AADSTS65004") {
		t.Errorf("declined: %v", err)
	}
}

// What a developer with the wrong tenant sees.
func TestMSALWrongTenant(t *testing.T) {
	p := start(t, authority.Options{})
	for tenant, want := range map[string]string{
		"organizations": "AADSTS9002331", "common": "/consumers endpoint", authority.Tenant: "AADSTS9002331",
		"00000000-1111-4222-8333-444444444444": "AADSTS90002",
	} {
		_, err := p.msal(tenant).AcquireTokenByDeviceCode(t.Context(), []string{command})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", tenant, err)
		}
	}
}
