package authority_test

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"devicebridge/bridge/graph/emulator/authority"
)

// What MSAL never sends: an assertion that is the app's own and says something wrong.
func TestAssertionRefusals(t *testing.T) {
	c, key := certificate(t, time.Now().Add(24*time.Hour))
	_, otherKey := certificate(t, time.Now().Add(24*time.Hour))
	p := start(t, authority.Options{Apps: directoryApp(func(a *authority.App) { a.Certificates = []*x509.Certificate{c} })})
	endpoint := p.url + "/" + authority.Tenant + "/oauth2/v2.0/token"
	send := func(key *rsa.PrivateKey, subject, audience string, begin, end time.Duration) answer {
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"iss": authority.DirectoryApp, "sub": subject, "aud": audience,
			"nbf": time.Now().Add(begin).Unix(), "exp": time.Now().Add(end).Unix(),
		})
		sum := sha1.Sum(c.Raw)
		token.Header["x5t"] = base64.RawURLEncoding.EncodeToString(sum[:])
		signed, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return p.post(authority.Tenant, "token", "client_id", authority.DirectoryApp, "grant_type", "client_credentials", "scope", preset,
			"client_assertion", signed, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	}
	if a := send(key, authority.DirectoryApp, endpoint, 0, time.Minute); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	send(otherKey, authority.DirectoryApp, endpoint, 0, time.Minute).refuses(t, 401, "invalid_client", 700027, "not its own")
	send(key, authority.DeviceApp, endpoint, 0, time.Minute).refuses(t, 401, "invalid_client", 700021, authority.DirectoryApp)
	send(key, authority.DirectoryApp, "https://login.example", 0, time.Minute).refuses(t, 401, "invalid_client", 700023, "login.example")
	send(key, authority.DirectoryApp, endpoint, -time.Hour, -10*time.Minute).refuses(t, 401, "invalid_client", 700024, "time range")
	send(key, authority.DirectoryApp, endpoint, 10*time.Minute, time.Hour).refuses(t, 401, "invalid_client", 700024, "time range")
}
