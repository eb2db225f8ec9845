package authority

import (
	"bytes"
	"crypto"
	"crypto/sha1" //nolint:gosec // the header x5t is defined with SHA-1 (RFC 7515, section 4.1.7)
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// authenticate checks the app's credential. With open, which is for public clients, there may be none.
func (a *Authority) authenticate(x *exchange, app App, open bool) error {
	given, assertion := x.form.Get("client_secret"), x.form.Get("client_assertion")
	if given == "" && assertion == "" {
		if open {
			return nil
		}
		return noCredential()
	}
	if app.PublicClient && len(app.Secrets)+len(app.Certificates)+len(app.Federated) == 0 {
		return credentialOfPublic()
	}
	if given != "" {
		return checkSecret(app, given, a.opts.Now())
	}
	if x.form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return missingParameter("client_assertion_type")
	}
	return a.checkAssertion(x, app, assertion)
}

func checkSecret(app App, given string, now time.Time) error {
	for _, s := range app.Secrets {
		if subtle.ConstantTimeCompare([]byte(s.Value), []byte(given)) == 0 {
			continue
		}
		if !s.Expires.IsZero() && !now.Before(s.Expires) {
			return expiredSecret(app)
		}
		return nil
	}
	return wrongSecret(app)
}

// checkAssertion checks a JWT of RFC 7523, section 2.2: of the app itself, signed with one of its certificates, or of
// an issuer that it trusts.
func (a *Authority) checkAssertion(x *exchange, app App, assertion string) error {
	var claims jwt.RegisteredClaims
	unverified, _, err := jwt.NewParser().ParseUnverified(assertion, &claims)
	if err != nil {
		return badAssertion()
	}
	if !strings.EqualFold(claims.Issuer, app.ID) {
		return a.checkFederated(app, assertion, claims)
	}
	c := registered(app, unverified.Header)
	switch {
	case c == nil:
		return wrongSignature("The key was not found.")
	case !a.opts.Now().Before(c.NotAfter):
		return wrongSignature("The key used is expired.")
	case verify(assertion, c.PublicKey) != nil:
		return wrongSignature("The key was found, but the signature is not its own.")
	case !strings.EqualFold(claims.Subject, app.ID):
		return assertionFor(app.ID)
	}
	tenant := x.base() + "/" + x.realm.name
	if !slices.Contains(claims.Audience, tenant+"/oauth2/v2.0/token") && !slices.Contains(claims.Audience, tenant+"/v2.0") {
		return assertionAudience(strings.Join(claims.Audience, " "))
	}
	return a.inTime(claims)
}

// exchangeAudience is what a workload's token must be made for, by Microsoft's page on workload identity federation.
const exchangeAudience = "api://AzureADTokenExchange"

func (a *Authority) checkFederated(app App, assertion string, claims jwt.RegisteredClaims) error {
	byIssuer := slices.DeleteFunc(slices.Clone(app.Federated), func(f Federated) bool { return f.Issuer != claims.Issuer })
	i := slices.IndexFunc(byIssuer, func(f Federated) bool { return f.Subject == claims.Subject })
	switch {
	case len(byIssuer) == 0:
		return federatedIssuer(claims.Issuer)
	case i < 0:
		return federatedSubject(claims.Subject)
	case !slices.Contains(claims.Audience, exchangeAudience):
		return federatedAudience(strings.Join(claims.Audience, " "))
	}
	key := byIssuer[i].Key
	if key == nil {
		key = a.key.Public()
	}
	if verify(assertion, key) != nil {
		return wrongSignature("The issuer's key does not verify it.")
	}
	return a.inTime(claims)
}

// Assertion gives a token for the first federated credential of the app whose issuer is this authority, as a cluster
// gives one to a workload's pod; it lives an hour. It is what azidentity's workload identity reads from a file.
func (a *Authority) Assertion(client string) (string, error) {
	for _, app := range a.opts.Apps {
		if !strings.EqualFold(app.ID, client) {
			continue
		}
		for _, f := range app.Federated {
			if f.Key == nil {
				now := a.opts.Now()
				return a.sign(jwt.MapClaims{
					"iss": f.Issuer, "sub": f.Subject, "aud": exchangeAudience,
					"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
				})
			}
		}
		return "", fmt.Errorf("app %s: none of its federated credentials is issued here", app.ID)
	}
	return "", fmt.Errorf("app %q: not registered", client)
}

// skew is how far the clocks of two hosts may be apart.
const skew = 5 * time.Minute

func (a *Authority) inTime(claims jwt.RegisteredClaims) error {
	now := a.opts.Now()
	switch {
	case claims.ExpiresAt == nil, now.After(claims.ExpiresAt.Add(skew)),
		claims.NotBefore != nil && now.Before(claims.NotBefore.Add(-skew)):
		return assertionTime()
	}
	return nil
}

// verify checks the signature alone: what the claims say has numbers of its own.
func verify(token string, key crypto.PublicKey) error {
	_, err := jwt.NewParser(jwt.WithoutClaimsValidation(), jwt.WithValidMethods([]string{"RS256", "PS256", "ES256"})).
		Parse(token, func(*jwt.Token) (any, error) { return key, nil })
	if err != nil {
		return errors.New("the signature is wrong")
	}
	return nil
}

// registered finds the certificate that the header names by its thumbprint.
func registered(app App, header map[string]any) *x509.Certificate {
	for _, c := range app.Certificates {
		long, short := sha256.Sum256(c.Raw), sha1.Sum(c.Raw) //nolint:gosec // see the import
		if bytes.Equal(thumbprint(header["x5t#S256"]), long[:]) || bytes.Equal(thumbprint(header["x5t"]), short[:]) {
			return c
		}
	}
	return nil
}

// thumbprint reads base64url, and also the plain base64 that MSAL Go writes.
func thumbprint(v any) []byte {
	s, _ := v.(string)
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	b, _ := base64.RawURLEncoding.DecodeString(s) // what is no base64 matches nothing
	return b
}
