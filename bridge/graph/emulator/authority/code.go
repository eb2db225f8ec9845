package authority

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"time"
)

// authorizationCode is guarded by the authority's lock.
type authorizationCode struct {
	authorization
	account  Account
	expires  time.Time
	redeemed bool
}

// codeGrant redeems an authorization code, once (RFC 6749, section 4.1.3, with RFC 7636).
func (a *Authority) codeGrant(x *exchange, app App) (any, error) {
	if err := x.posted("code", "redirect_uri"); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.codes.get(x.form.Get("code"))
	switch {
	case !ok || c.app.ID != app.ID:
		return nil, unknownCode()
	case c.redeemed:
		return nil, redeemed()
	case !a.opts.Now().Before(c.expires):
		return nil, expiredGrant()
	case c.redirect != x.form.Get("redirect_uri"):
		return nil, otherRedirect()
	case !c.proves(x.form.Get("code_verifier")):
		return nil, wrongVerifier()
	}
	if err := x.realm.fits(app, c.account); err != nil {
		return nil, err
	}
	c.redeemed = true
	a.ledger.CodeGrants++
	return a.signIn(x, c.app, c.account, c.scopes, c.nonce)
}

// proves compares the verifier with the challenge of the authorization request; where there was none, it must be empty.
func (req authorization) proves(verifier string) bool {
	if req.method == "S256" && req.challenge != "" {
		sum := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return subtle.ConstantTimeCompare([]byte(verifier), []byte(req.challenge)) == 1
}
