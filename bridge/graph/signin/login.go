package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
)

// Where the tokens of a sign-in are kept.
const (
	// InNATS: sealed in the record itself, for every replica.
	InNATS = "nats"
	// InUserStore: in the key store of the user who signs in; only bridges that run
	// as this user on this machine can use it.
	InUserStore = "user"
)

// LoginOptions say how a person signs in.
type LoginOptions struct {
	Application
	// Mode is DeviceCode or Browser.
	Mode   Mode
	Scopes []string
	// KeepIn is InNATS or InUserStore. Empty: InNATS.
	KeepIn string
	// Prompt shows the code and the address where it is entered; required for
	// DeviceCode.
	Prompt func(Prompt)
	// OpenURL opens the browser. Nil: the system's own.
	OpenURL func(url string) error
}

// Prompt is what a person needs for the device code flow, RFC 8628 section 3.3.
type Prompt struct {
	URL, Code string
	// Expires is when the code is good for nothing any more; zero where that is not
	// told.
	Expires time.Time
}

// Session is a sign-in that was made and not handed over yet.
type Session struct{ record record }

// Account gives the user name of who signed in.
func (s Session) Account() string { return s.record.Username }

// Scopes gives what was granted.
func (s Session) Scopes() []string { return s.record.Scopes }

// Sealed gives the session for SignIn.Replace. generation is the one that the
// bridge's Status tells.
func (s Session) Sealed(k *Key, label string, generation uint64) ([]byte, error) {
	s.record.Generation = generation + 1
	return s.record.sealed(k, label)
}

// SealedSignOut gives the record that nobody is signed in, for SignIn.Replace.
func SealedSignOut(k *Key, label string, generation uint64) ([]byte, error) {
	return record{Generation: generation + 1, At: time.Now().UTC(), SignedOut: true}.sealed(k, label)
}

// Login lets a person sign in and waits until they have. Errors are *Failure where
// the authority refused or could not be asked.
func Login(ctx context.Context, o LoginOptions) (Session, error) {
	if !o.Mode.Personal() {
		return Session{}, fmt.Errorf("sign-in: nobody signs in by %s", o.Mode)
	}
	if o.ClientID == "" || len(o.Scopes) == 0 {
		return Session{}, errors.New("sign-in: ClientID and Scopes: required")
	}
	login := o.viaMSAL
	if o.KeepIn == InUserStore {
		login = o.viaUserStore
	}
	r, err := login(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return Session{}, ctx.Err()
		}
		f := failureOf(err)
		if f.Advice == againAdvice { // which is what the bridge does, and not login
			f.Advice = loginAdvice + " again"
		}
		return Session{}, f
	}
	r.At = time.Now().UTC()
	r.ClientID, r.Authority, r.Tenant = o.ClientID, o.host(), o.tenant()
	r.Refreshed = r.At
	return Session{record: r}, nil
}

func (o LoginOptions) viaMSAL(ctx context.Context) (record, error) {
	m := &memory{}
	asking := o.client()
	client, err := newPublicClient(o.Application, m, asking)
	if err != nil {
		return record{}, err
	}
	result, err := o.acquire(ctx, client, asking)
	if err != nil {
		return record{}, err
	}
	if len(result.DeclinedScopes) > 0 {
		return record{}, notGranted(result.DeclinedScopes)
	}
	return record{
		Username: result.Account.PreferredUsername, HomeAccountID: result.Account.HomeAccountID,
		Scopes: result.GrantedScopes, TokenExpires: result.ExpiresOn.UTC(), Cache: m.text,
	}, nil
}

func (o LoginOptions) acquire(ctx context.Context, client public.Client, asking *authorityClient) (public.AuthResult, error) {
	if o.Mode == Browser {
		var options []public.AcquireInteractiveOption
		if o.OpenURL != nil {
			options = append(options, public.WithOpenURL(o.OpenURL))
		}
		return client.AcquireTokenInteractive(ctx, o.Scopes, options...)
	}
	code, err := client.AcquireTokenByDeviceCode(ctx, o.Scopes)
	if err != nil {
		return public.AuthResult{}, err
	}
	o.Prompt(Prompt{URL: code.Result.VerificationURL, Code: code.Result.UserCode, Expires: code.Result.ExpiresOn})
	result, err := code.AuthenticationResult(ctx)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = asking.ended() // the library stops asking by its own clock
	}
	return result, err
}

func notGranted(scopes []string) *Failure {
	return &Failure{
		Message: fmt.Sprintf("the authority did not grant %v", scopes),
		Advice:  "consent to them, and check the application's API permissions", Lasting: true,
	}
}

// viaUserStore signs in with azidentity's own credentials and their cache.
func (o LoginOptions) viaUserStore(ctx context.Context) (record, error) {
	c, err := userStore()
	if err != nil {
		return record{}, &Failure{Message: err.Error(), Advice: "run `devicebridge login --store nats`", Lasting: true}
	}
	asking := o.client()
	authenticate, tokens, err := o.azidentity(c, asking)
	if err != nil {
		return record{}, err
	}
	// As the bridge's own requests ask: the library keeps both kinds apart.
	ask := policy.TokenRequestOptions{Scopes: o.Scopes, EnableCAE: true}
	user, err := authenticate(ctx, &ask)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && o.Mode == DeviceCode {
		err = asking.ended()
	}
	if err != nil {
		return record{}, err
	}
	token, err := tokens(ctx, ask)
	if err != nil {
		return record{}, err
	}
	return record{
		Username: user.Username, HomeAccountID: user.HomeAccountID, Scopes: o.Scopes, TokenExpires: token.ExpiresOn.UTC(), User: &user,
	}, nil
}
