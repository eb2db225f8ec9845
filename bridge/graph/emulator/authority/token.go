package authority

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// token is the token endpoint.
func (a *Authority) token(x *exchange) (any, error) {
	if err := x.posted("client_id", "grant_type"); err != nil {
		return nil, err
	}
	app, err := a.app(x.form.Get("client_id"), x.realm)
	if err != nil {
		return nil, err
	}
	grant := x.form.Get("grant_type")
	if grant == "client_credentials" {
		return a.clientGrant(x, app)
	}
	if err := a.authenticate(x, app, app.PublicClient); err != nil {
		return nil, err
	}
	switch grant {
	case "urn:ietf:params:oauth:grant-type:device_code", "device_code":
		return a.deviceGrant(x, app)
	case "authorization_code":
		return a.codeGrant(x, app)
	case "refresh_token":
		return a.refreshGrant(x, app)
	}
	return nil, unsupportedGrant(grant)
}

// clientGrant gives an app token (RFC 6749, section 4.4): no account, no refresh token, the app's roles. OpenID
// Connect's scopes, which MSAL adds to every request, are passed over.
func (a *Authority) clientGrant(x *exchange, app App) (any, error) {
	switch {
	case x.realm.personal, x.realm.common:
		return nil, grantNeedsTenant()
	case x.realm.tenant == "":
		return nil, noTenantGiven()
	}
	if err := x.posted("scope"); err != nil {
		return nil, err
	}
	if err := a.authenticate(x, app, false); err != nil {
		return nil, err
	}
	s, err := parseScopes(x.form.Get("scope"), app, x.graph)
	switch {
	case err != nil:
		return nil, err
	case !s.preset || s.named:
		return nil, notDefault(x.form.Get("scope"))
	}
	principal := uuid.NewSHA1(uuid.NameSpaceURL, []byte(x.realm.tenant+"/"+app.ID)).String()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ledger.ClientGrants++
	g := Grant{Client: app.ID, Tenant: x.realm.tenant, Roles: app.Roles, Audience: s.resource}
	token, life, err := a.newAccess(x, nil, g, principal)
	if err != nil {
		return nil, err
	}
	return tokenJSON{Type: "Bearer", ExpiresIn: life, ExtExpiresIn: life, AccessToken: token}, nil
}

// session is one sign-in of an account to an app; its refresh tokens stand and fall together. It is guarded by the
// authority's lock.
type session struct {
	app       App
	account   Account
	consented []string
	revoked   bool
}

type refreshToken struct {
	session         *session
	issued, expires time.Time
}

// signIn answers the first request of a session. The caller holds the lock.
func (a *Authority) signIn(x *exchange, app App, u Account, s scopes, nonce string) (any, error) {
	delete(a.strict, strings.ToLower(u.Username))
	return a.issue(x, &session{app: app, account: u, consented: s.names}, s, nonce)
}

// refreshGrant gives new tokens for a refresh token, which stays valid: Microsoft's page on refresh tokens says that
// they are replaced at every use and not revoked by it.
func (a *Authority) refreshGrant(x *exchange, app App) (any, error) {
	if err := x.posted("refresh_token"); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.refresh.get(x.form.Get("refresh_token"))
	switch {
	case !ok:
		return nil, unknownRefresh()
	case t.session.app.ID != app.ID:
		return nil, foreignRefresh()
	case t.session.revoked:
		return nil, revoked()
	case !a.opts.Now().Before(t.expires):
		return nil, expiredRefresh(t.issued, a.opts.RefreshLife)
	case a.strict[strings.ToLower(t.session.account.Username)]:
		return nil, needsInteraction(graphResource)
	}
	if err := x.realm.fits(app, t.session.account); err != nil {
		return nil, err
	}
	s, err := parseScopes(x.form.Get("scope"), app, x.graph)
	if err != nil {
		return nil, err
	}
	if len(s.names) == 0 {
		s.names = t.session.consented // RFC 6749, section 6: as granted before
	}
	if !s.within(t.session.consented) {
		return nil, consentRequired(app)
	}
	s.offline = true
	a.ledger.Refreshes++
	return a.issue(x, t.session, s, "")
}
