package authority

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

type deviceState int

const (
	devicePending deviceState = iota
	deviceApproved
	deviceDeclinedByUser
	deviceRedeemed
)

// deviceCode is one device authorization (RFC 8628). It is guarded by the authority's lock.
type deviceCode struct {
	code, userCode  string
	app             App
	realm           realm
	scopes          scopes
	expires, polled time.Time
	state           deviceState
	account         Account
}

// Pending is a device code that waits for somebody to approve it.
type Pending struct {
	// UserCode is what the person enters.
	UserCode string
	// Client and App are the client's id and name.
	Client, App string
	// Scopes are as they were asked for, but for offline_access.
	Scopes []string
	// Expires is until when it can be approved.
	Expires time.Time
}

// deviceCode is the device authorization endpoint.
func (a *Authority) deviceCode(x *exchange) (any, error) {
	if err := x.posted("client_id", "scope"); err != nil {
		return nil, err
	}
	app, err := a.app(x.form.Get("client_id"), x.realm)
	if err != nil {
		return nil, err
	}
	if x.realm.personal && !app.PublicClient {
		return nil, notPublic() // other endpoints say so when the code is redeemed
	}
	s, err := parseScopes(x.form.Get("scope"), app, x.graph)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	d := &deviceCode{code: secret(48), userCode: a.userCode(), app: app, realm: x.realm, scopes: s, expires: a.opts.Now().Add(a.opts.DeviceCodeLife)}
	a.devices.put(d.code, d)
	a.users.put(d.userCode, d)
	a.ledger.DeviceCodes++
	if u, ok := a.choose(d.app, d.realm, d.scopes, ""); ok && a.opts.AutoApprove {
		d.state, d.account = deviceApproved, u
	}
	page := x.base() + "/devicelogin"
	return map[string]any{
		"user_code": d.userCode, "device_code": d.code, "verification_uri": page,
		"expires_in": int(a.opts.DeviceCodeLife.Seconds()), "interval": int(max(a.opts.Interval, 0).Seconds()),
		"message": "To sign in, open the page " + page + " in a web browser and enter the code " + d.userCode + ".",
	}, nil
}

// userCode gives a code that is not in use, without vowels and without what looks alike (RFC 8628, section 6.1).
func (a *Authority) userCode() string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ"
	for {
		code := make([]byte, 9)
		for i := range code {
			n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(letters)))) // never fails, by rand.Reader's documentation
			code[i] = letters[n.Int64()]
		}
		if _, taken := a.users.get(string(code)); !taken {
			return string(code)
		}
	}
}

// choose gives the account that auto-approval takes: the one named by hint, or the first that fits.
func (a *Authority) choose(app App, r realm, s scopes, hint string) (Account, bool) {
	for _, u := range a.opts.Accounts {
		if (hint == "" || strings.EqualFold(hint, u.Username)) && r.fits(app, u) == nil && s.grantable(app, u) == nil {
			return u, true
		}
	}
	return Account{}, false
}

// deviceGrant redeems a device code. Polling too fast matters only while nothing is decided, and the interval is not
// raised for it: MSAL Go begins to poll after 50 ms.
func (a *Authority) deviceGrant(x *exchange, app App) (any, error) {
	if err := x.posted("device_code"); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	d, ok := a.devices.get(x.form.Get("device_code"))
	if !ok || d.app.ID != app.ID {
		return nil, badDeviceCode()
	}
	now := a.opts.Now()
	last := d.polled
	d.polled = now
	switch {
	case d.state == deviceRedeemed:
		return nil, redeemed()
	case d.state == deviceDeclinedByUser:
		return nil, deviceDeclined()
	case !now.Before(d.expires):
		return nil, expiredDeviceCode()
	case d.state == deviceApproved:
		d.state = deviceRedeemed
		a.ledger.DeviceGrants++
		return a.signIn(x, d.app, d.account, d.scopes, "")
	}
	a.ledger.Polls++
	if !last.IsZero() && now.Sub(last) < a.opts.Interval {
		return nil, tooFast(a.opts.Interval)
	}
	return nil, pending()
}

// Pending gives the device codes that wait for approval, the oldest first.
func (a *Authority) Pending() []Pending {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []Pending{}
	for _, d := range a.devices.all() {
		if d.state == devicePending && a.opts.Now().Before(d.expires) {
			list = append(list, d.pending())
		}
	}
	return list
}

func (d *deviceCode) pending() Pending {
	return Pending{UserCode: d.userCode, Client: d.app.ID, App: d.app.display(), Scopes: slices.Clone(d.scopes.echo), Expires: d.expires}
}

// Approve signs the account in on the device that shows the user code. An account that may not sign in there, or a
// scope that it cannot grant, is an error that begins with its AADSTS number; the code then stays pending.
func (a *Authority) Approve(userCode, username string) error {
	u, err := a.account(username)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	d, err := a.undecided(userCode)
	if err != nil {
		return err
	}
	if err := d.realm.fits(d.app, u); err != nil {
		return err
	}
	if err := d.scopes.grantable(d.app, u); err != nil {
		return err
	}
	d.state, d.account = deviceApproved, u
	return nil
}

// Decline refuses the sign-in on the device that shows the user code.
func (a *Authority) Decline(userCode string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, err := a.undecided(userCode)
	if err != nil {
		return err
	}
	d.state = deviceDeclinedByUser
	return nil
}

// undecided finds a pending code, as people type it. The caller holds the lock.
func (a *Authority) undecided(userCode string) (*deviceCode, error) {
	code := strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(userCode))
	d, ok := a.users.get(code)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: %w", ErrUnknownCode, badUserCode())
	case d.state != devicePending:
		return nil, fmt.Errorf("code %s: %w", code, ErrNotPending)
	case !a.opts.Now().Before(d.expires):
		return nil, fmt.Errorf("%w: %w", ErrNotPending, expiredUserCode())
	}
	return d, nil
}
