package authority_test

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"devicebridge/bridge/graph/emulator/authority"
)

// verified checks the signature with the key set that the discovery document of /common points to, and gives the claims.
func (p *platform) verified(token string) jwt.MapClaims {
	p.t.Helper()
	var document struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal([]byte(p.get("/common/v2.0/.well-known/openid-configuration").raw), &document); err != nil {
		p.t.Fatal(err)
	}
	var set struct {
		Keys []struct{ Kty, Kid, N, E string }
	}
	if err := json.Unmarshal([]byte(p.get(strings.TrimPrefix(document.Keys, p.url)).raw), &set); err != nil || len(set.Keys) != 1 {
		p.t.Fatalf("%v, %+v", err, set)
	}
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != set.Keys[0].Kid {
			p.t.Errorf("kid %v", t.Header["kid"])
		}
		n, err := base64.RawURLEncoding.DecodeString(set.Keys[0].N)
		if err != nil {
			return nil, err
		}
		e, err := base64.RawURLEncoding.DecodeString(set.Keys[0].E)
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, err
	}, jwt.WithValidMethods([]string{"RS256"}))
	if err != nil {
		p.t.Fatal(err)
	}
	if want := strings.Replace(document.Issuer, "{tenantid}", claims["tid"].(string), 1); claims["iss"] != want {
		p.t.Errorf("iss %v, want %s", claims["iss"], want)
	}
	return claims
}

func TestIDToken(t *testing.T) {
	p := start(t, authority.Options{})
	got := p.signIn("openid profile " + command)
	claims := p.verified(got.IDToken)
	for name, want := range map[string]any{
		"aud": authority.DeviceApp, "tid": authority.PersonalTenant, "preferred_username": authority.PersonalUser, "name": "Jim", "ver": "2.0",
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	if exp, err := claims.GetExpirationTime(); err != nil || exp.Before(time.Now()) {
		t.Errorf("exp %v, %v", exp, err)
	}
	info, err := base64.RawURLEncoding.DecodeString(got.ClientInfo)
	if want := `{"uid":"` + claims["oid"].(string) + `","utid":"` + authority.PersonalTenant + `"}`; err != nil || string(info) != want {
		t.Errorf("client_info %s, %v", info, err)
	}
	if strings.Count(got.Access, ".") == 2 {
		t.Error("the access token of a personal account is a JWT")
	}
	if got.Refresh != "" {
		t.Error("a refresh token without offline_access")
	}
}

func TestDiscovery(t *testing.T) {
	p := start(t, authority.Options{})
	for name, want := range map[string]string{
		"consumers": authority.PersonalTenant, authority.PersonalTenant: authority.PersonalTenant,
		"common": "{tenantid}", "organizations": "{tenantid}",
		authority.Tenant: authority.Tenant, "Contoso.Example": authority.Tenant,
	} {
		a := p.get("/" + name + "/v2.0/.well-known/openid-configuration")
		var document map[string]any
		if err := json.Unmarshal([]byte(a.raw), &document); err != nil || a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", name, a.status, a.raw)
		}
		if document["issuer"] != p.url+"/"+want+"/v2.0" || document["token_endpoint"] != p.url+"/"+name+"/oauth2/v2.0/token" {
			t.Errorf("%s: %v", name, document)
		}
	}
	p.get("/nowhere.example/v2.0/.well-known/openid-configuration").refuses(t, 400, "invalid_tenant", 90002, "nowhere.example")
	p.get("/nowhere/v2.0/.well-known/openid-configuration").refuses(t, 400, "invalid_tenant", 900023, "nowhere")
}
