package authority

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

var (
	// ErrUnknownAccount is given for a user name that is not in Options.Accounts.
	ErrUnknownAccount = errors.New("no such account")
	// ErrUnknownCode is given for a user code that was never given out, or is forgotten.
	ErrUnknownCode = errors.New("no such code")
	// ErrNotPending is given for a user code that was approved, declined or redeemed, or has expired.
	ErrNotPending = errors.New("the code is no longer pending")
)

// Authority is the identity platform. It is an http.Handler; the package comment lists its paths. Its methods may be
// called from several goroutines.
type Authority struct {
	opts    Options
	mux     *http.ServeMux
	key     *rsa.PrivateKey
	keyID   string
	domains map[string]string // the known directories' GUIDs and domains, in lower case, to their GUIDs

	mu        sync.Mutex
	tokenLife time.Duration
	faults    Faults
	ledger    Ledger
	strict    map[string]bool // user names, in lower case, that must sign in anew by hand
	devices   shelf[*deviceCode]
	users     shelf[*deviceCode] // the same by user code
	codes     shelf[*authorizationCode]
	refresh   shelf[*refreshToken]
	access    shelf[*accessToken]
}

// New gives an authority with a signing key of its own, or an error that names every field of the options that is wrong.
func New(o Options) (*Authority, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("authority options: %w", err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("authority: signing key: %w", err)
	}
	a := &Authority{
		opts: o, key: key, keyID: secret(16), domains: map[string]string{},
		tokenLife: o.TokenLife, faults: o.Faults, ledger: Ledger{Refused: map[int]int{}}, strict: map[string]bool{},
		devices: newShelf[*deviceCode](o.MaxEntries), users: newShelf[*deviceCode](o.MaxEntries),
		codes: newShelf[*authorizationCode](o.MaxEntries), refresh: newShelf[*refreshToken](o.MaxEntries),
		access: newShelf[*accessToken](o.MaxEntries),
	}
	for _, app := range o.Apps {
		if app.Tenant != "" {
			a.domains[strings.ToLower(app.Tenant)] = app.Tenant
		}
	}
	for _, u := range o.Accounts {
		if !u.Personal() {
			_, domain, _ := strings.Cut(u.Username, "@")
			a.domains[strings.ToLower(u.Tenant)] = u.Tenant
			a.domains[strings.ToLower(domain)] = u.Tenant
		}
	}
	a.mux = a.routes()
	return a, nil
}

// routes leaves the methods to the handlers, so that a wrong one is answered as the platform does.
func (a *Authority) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/{tenant}/v2.0/.well-known/openid-configuration", a.answer(a.configuration))
	mux.Handle("/{tenant}/discovery/v2.0/keys", a.answer(a.keys))
	mux.Handle("/{tenant}/oauth2/v2.0/devicecode", a.answer(a.deviceCode))
	mux.Handle("/{tenant}/oauth2/v2.0/token", a.answer(a.token))
	own := http.NewCrossOriginProtection() // a foreign page must not press the buttons
	mux.Handle("/{tenant}/oauth2/v2.0/authorize", own.Handler(http.HandlerFunc(a.authorize)))
	mux.Handle("/devicelogin", own.Handler(http.HandlerFunc(a.deviceLogin)))
	mux.HandleFunc("GET "+errorPath, a.errorPage)
	mux.Handle(controlPrefix, newControl(a))
	return mux
}

// ServeHTTP answers the paths of the package comment, and everything else with 404.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Over gives a handler that answers the authority's paths and hands every other request on to next, for an emulator of
// Graph on the same listener.
func (a *Authority) Over(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := a.mux.Handler(r); pattern != "" {
			a.mux.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// SetTokenLife changes how long access tokens live that are given from now on; at least a second.
func (a *Authority) SetTokenLife(d time.Duration) error {
	if err := checkTokenLife(d); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokenLife = d
	return nil
}

// RequireInteraction refuses the account's refresh tokens with AADSTS50076 until it signs in anew by hand, as a changed
// policy of the directory does.
func (a *Authority) RequireInteraction(username string) error {
	if _, err := a.account(username); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.strict[strings.ToLower(username)] = true
	return nil
}

// app finds a registration by its client id, for a realm that takes it.
func (a *Authority) app(client string, r realm) (App, error) {
	for _, app := range a.opts.Apps {
		if strings.EqualFold(app.ID, client) {
			return app, r.admit(app)
		}
	}
	return App{}, unknownApp(client, r.directory())
}

func (a *Authority) account(username string) (Account, error) {
	for _, u := range a.opts.Accounts {
		if strings.EqualFold(u.Username, username) {
			return u, nil
		}
	}
	return Account{}, fmt.Errorf("account %q: %w", username, ErrUnknownAccount)
}

// secret gives n random bytes as a token of RFC 6750.
func secret(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, by its documentation
	return base64.RawURLEncoding.EncodeToString(b)
}
