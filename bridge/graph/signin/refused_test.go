package signin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/signin"
)

// TestWhyAnApplicationIsRefused holds the words that an operator is told whose
// application cannot sign in.
func TestWhyAnApplicationIsRefused(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	assertion := func(issuer, subject, audience string, life time.Duration) func(*rig) {
		return func(r *rig) {
			signed, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
				"iss": issuer, "sub": subject, "aud": audience, "exp": time.Now().Add(life).Unix(),
			}).SignedString(key)
			if err != nil {
				t.Fatal(err)
			}
			r.mode, r.app.FederatedTokenFile = signin.WorkloadIdentity, file(t, "token", []byte(signed))
		}
	}
	const issuer, subject, audience = "https://ci.example", "repo:bridge", "api://AzureADTokenExchange"
	secret := func(change func(*rig)) func(*rig) {
		return func(r *rig) {
			r.mode, r.app.ClientSecret = signin.ClientSecret, "old"
			change(r)
		}
	}
	for name, test := range map[string]struct {
		set   func(*rig)
		words []string
	}{
		"expired secret":       {secret(func(*rig) {}), []string{"AADSTS7000222", "the secret has expired"}},
		"unknown tenant":       {secret(func(r *rig) { r.app.TenantID = "nowhere.example" }), []string{"there is no such tenant; check AZURE_TENANT_ID"}},
		"no tenant's name":     {secret(func(r *rig) { r.app.TenantID = "contoso" }), []string{"AZURE_TENANT_ID is neither a tenant's id nor its domain name"}},
		"unknown application":  {secret(func(r *rig) { r.app.ClientID = "99999999-9999-4999-8999-999999999999" }), []string{"AADSTS700016", "check AZURE_CLIENT_ID"}},
		"at consumers":         {secret(func(r *rig) { r.app.TenantID = "consumers" }), []string{"AADSTS9002332", "AZURE_TENANT_ID"}},
		"another issuer":       {assertion("https://other.example", subject, audience, time.Hour), []string{"AADSTS700211", "AZURE_FEDERATED_TOKEN_FILE"}},
		"another audience":     {assertion(issuer, subject, "https://graph.microsoft.com", time.Hour), []string{"AADSTS700212"}},
		"another subject":      {assertion(issuer, "repo:other", audience, time.Hour), []string{"AADSTS700213", "fits the subject"}},
		"an assertion too old": {assertion(issuer, subject, audience, -time.Hour), []string{"AADSTS700024", "check this machine's clock"}},
	} {
		t.Run(name, func(t *testing.T) {
			apps := authority.DefaultApps()
			apps[1].Secrets = []authority.Secret{{Value: "old", Expires: time.Now().Add(-time.Hour)}}
			apps[1].Federated = []authority.Federated{{Issuer: issuer, Subject: subject, Key: key.Public()}}
			r := newRig(t, authority.Options{Apps: apps})
			r.app.ClientID, r.app.TenantID, r.scopes = authority.DirectoryApp, authority.Tenant, []string{"https://graph.microsoft.com/.default"}
			test.set(r)
			s := r.replica()
			why := r.refusal(s)
			for _, words := range test.words {
				if !strings.Contains(why, words) {
					t.Errorf("%q does not say %q", why, words)
				}
			}
			if s.Status().State != signin.Refused || s.Usable() == nil {
				t.Errorf("the status is %+v", s.Status())
			}
		})
	}
}
