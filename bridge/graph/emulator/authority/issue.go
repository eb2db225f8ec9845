package authority

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// tokenJSON is the answer of RFC 6749, section 5.1, with OpenID Connect's id_token and Microsoft's additions. MSAL
// takes an account's id from client_info.
type tokenJSON struct {
	Type         string `json:"token_type"`
	Scope        string `json:"scope,omitempty"`
	ExpiresIn    int    `json:"expires_in"`
	ExtExpiresIn int    `json:"ext_expires_in"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	ClientInfo   string `json:"client_info,omitempty"`
}

// issue makes the tokens of an account. The caller holds the lock.
func (a *Authority) issue(x *exchange, s *session, asked scopes, nonce string) (any, error) {
	if asked.resource == "" {
		asked.resource = graphResource
	}
	u := s.account
	token, life, err := a.newAccess(x, s, Grant{
		Client: s.app.ID, Account: u.Username, Tenant: u.TenantID(), Personal: u.Personal(),
		Scopes: asked.names, Audience: asked.resource,
	}, u.ObjectID())
	if err != nil {
		return nil, err
	}
	answer := tokenJSON{Type: "Bearer", Scope: strings.Join(asked.echo, " "), ExpiresIn: life, ExtExpiresIn: life, AccessToken: token}
	now := a.opts.Now()
	if asked.offline {
		answer.RefreshToken = "1." + secret(96)
		a.refresh.put(answer.RefreshToken, &refreshToken{session: s, issued: now, expires: now.Add(a.opts.RefreshLife)})
	}
	if asked.openid {
		claims := a.claims(x, u.TenantID(), s.app.ID, u.ObjectID(), time.Hour)
		claims["preferred_username"], claims["name"] = u.Username, u.display()
		if nonce != "" {
			claims["nonce"] = nonce
		}
		if answer.IDToken, err = a.sign(claims); err != nil {
			return nil, err
		}
	}
	if x.form.Get("client_info") == "1" {
		info, _ := json.Marshal(map[string]string{"uid": u.ObjectID(), "utid": u.TenantID()}) // strings only, which cannot fail
		answer.ClientInfo = base64.RawURLEncoding.EncodeToString(info)
	}
	return answer, nil
}

// accessToken is a token that was given out. It is guarded by the authority's lock.
type accessToken struct {
	grant   Grant
	session *session
	revoked bool
}

// newAccess makes an access token and gives its life in seconds. Those of personal accounts are opaque, as in reality;
// the others are JWTs. The caller holds the lock.
func (a *Authority) newAccess(x *exchange, s *session, g Grant, subject string) (token string, life int, err error) {
	g.ExpiresAt = a.opts.Now().Add(a.tokenLife)
	if g.Personal {
		token = "EwB" + secret(120)
	} else {
		claims := a.claims(x, g.Tenant, g.Audience, subject, a.tokenLife)
		claims["azp"], claims["jti"] = g.Client, secret(16)
		if g.AppOnly() {
			claims["idtyp"], claims["roles"] = "app", g.Roles
		} else {
			claims["scp"] = strings.Join(g.Scopes, " ")
		}
		if token, err = a.sign(claims); err != nil {
			return "", 0, err
		}
	}
	a.access.put(token, &accessToken{grant: g, session: s})
	return token, int(a.tokenLife.Seconds()), nil
}

// claims gives what id tokens and access tokens have in common.
func (a *Authority) claims(x *exchange, tenant, audience, object string, life time.Duration) jwt.MapClaims {
	now := a.opts.Now()
	return jwt.MapClaims{
		"iss": x.base() + "/" + tenant + "/v2.0", "aud": audience, "sub": object, "oid": object, "tid": tenant, "ver": "2.0",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(life).Unix(),
	}
}

func (a *Authority) sign(claims jwt.MapClaims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = a.keyID
	signed, err := t.SignedString(a.key)
	if err != nil {
		return "", fmt.Errorf("authority: sign: %w", err)
	}
	return signed, nil
}
