package authority

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

var (
	// ErrUnknownToken is given for an access token that this authority did not give out, or has forgotten.
	ErrUnknownToken = errors.New("the access token is not one that this authority gave out")
	// ErrExpired is given for an access token whose life is over.
	ErrExpired = errors.New("lifetime validation failed, the token is expired")
	// ErrRevoked is given for an access token that Revoke took back.
	ErrRevoked = errors.New("the access token has been revoked")
	// ErrForbidden is given for an access token that is good, but not for what it was shown for.
	ErrForbidden = errors.New("the token does not permit this")
)

// Grant is what an access token says.
type Grant struct {
	// Client is the app's client id.
	Client string
	// Account is the user name; empty for an app token.
	Account string
	// Tenant is the account's tenant, or that of the app token.
	Tenant string
	// Personal says that Account is a personal Microsoft account.
	Personal bool
	// Scopes are the delegated permissions, Roles the application permissions, by name.
	Scopes, Roles []string
	// Audience is the API the token is for, such as https://graph.microsoft.com.
	Audience string
	// ExpiresAt is when its life is over.
	ExpiresAt time.Time
}

// AppOnly says that no account is signed in.
func (g Grant) AppOnly() bool { return g.Account == "" }

// Permits says whether the token may do what one of the permissions allows. There is a list for each column of the
// permissions tables on Graph's pages: delegated with a work account, delegated with a personal one, and application;
// an empty one means "not supported". The error wraps ErrForbidden.
func (g Grant) Permits(work, personal, application []string) error {
	held, anyOf, who := g.Scopes, work, "work accounts"
	switch {
	case g.AppOnly():
		held, anyOf, who = g.Roles, application, "app tokens"
	case g.Personal:
		anyOf, who = personal, "personal Microsoft accounts"
	}
	if len(anyOf) == 0 {
		return fmt.Errorf("%w: %s are not supported here", ErrForbidden, who)
	}
	if slices.ContainsFunc(anyOf, func(p string) bool { return slices.Contains(held, p) }) {
		return nil
	}
	return fmt.Errorf("%w: it needs %s, the token has %q", ErrForbidden, strings.Join(anyOf, " or "), strings.Join(held, " "))
}

// Check gives what an access token says, or ErrUnknownToken, ErrExpired or ErrRevoked. The token is in no error.
func (a *Authority) Check(token string) (Grant, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.access.get(token)
	switch {
	case !ok:
		return Grant{}, ErrUnknownToken
	case t.revoked:
		return Grant{}, ErrRevoked
	case !a.opts.Now().Before(t.grant.ExpiresAt):
		return Grant{}, ErrExpired
	}
	g := t.grant
	g.Scopes, g.Roles = slices.Clone(g.Scopes), slices.Clone(g.Roles)
	return g, nil
}

// Revocation says what Revoke takes back. One of Account and RefreshToken must be given.
type Revocation struct {
	// Account is a user name: all its sign-ins.
	Account string
	// RefreshToken is a refresh token: the sign-in that it belongs to.
	RefreshToken string
	// AccessTokens takes back the access tokens too. Otherwise they live on to their end, as they do in reality
	// where the client does not take part in continuous access evaluation.
	AccessTokens bool
}

// Revoke takes sign-ins back: from then on their refresh tokens are answered with AADSTS50173. It gives how many
// refresh tokens that were good before are so no longer.
func (a *Authority) Revoke(r Revocation) (int, error) {
	if (r.Account == "") == (r.RefreshToken == "") {
		return 0, errors.New("give either Account or RefreshToken")
	}
	if r.Account != "" {
		if _, err := a.account(r.Account); err != nil {
			return 0, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var one *session
	if r.RefreshToken != "" {
		t, ok := a.refresh.get(r.RefreshToken)
		if !ok {
			return 0, errors.New("no such refresh token")
		}
		one = t.session
	}
	hit := func(s *session) bool {
		return s != nil && (s == one || r.Account != "" && strings.EqualFold(s.account.Username, r.Account))
	}
	ended := map[*session]bool{}
	count := 0
	for _, t := range a.refresh.all() {
		if hit(t.session) && (!t.session.revoked || ended[t.session]) {
			t.session.revoked, ended[t.session] = true, true
			count++
		}
	}
	for _, t := range a.access.all() {
		if hit(t.session) {
			t.session.revoked = true
			t.revoked = t.revoked || r.AccessTokens
		}
	}
	return count, nil
}
