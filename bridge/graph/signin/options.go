package signin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/bridge/roundtrip"
)

// Application says who asks for tokens, and where. The members are those of
// azidentity's environment variables.
type Application struct {
	// ClientID is the application's id. Required where a person signs in, and for
	// ClientSecret and ClientCertificate.
	ClientID string
	// TenantID is a tenant's id or name. Empty: "consumers" where a person signs in.
	TenantID string
	// Authority is the authority's URL, https. Empty: the public cloud's.
	Authority string

	ClientSecret                         string
	CertificateFile, CertificatePassword string
	FederatedTokenFile                   string
	// ClientSecretFile and CertificatePasswordFile are where the secret and the password
	// come from; they go before what is given, and are read again, as the certificate's
	// file is, when the authority refuses.
	ClientSecretFile, CertificatePasswordFile string

	// Transport carries the requests to the authority; nil means
	// http.DefaultTransport.
	Transport http.RoundTripper
}

// authorityTimeout bounds one request to the authority.
const authorityTimeout = 30 * time.Second

func (a Application) client() *authorityClient {
	var next = http.DefaultTransport
	if a.Transport != nil {
		next = a.Transport
	}
	return &authorityClient{Client: &http.Client{
		Transport: bounded{roundtrip.Bound(next)}, Timeout: authorityTimeout,
		// No answer of an authority is a redirect, and a secret must not follow one.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (a Application) host() string {
	return strings.TrimRight(cmp.Or(a.Authority, PublicAuthority), "/")
}

// tenant is where a person signs in.
func (a Application) tenant() string { return cmp.Or(a.TenantID, PersonalTenant) }

func (a Application) clientOptions() policy.ClientOptions { return a.optionsWith(a.client()) }

func (a Application) optionsWith(c *authorityClient) policy.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: a.host()},
		Transport: c,
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}
}

// Store keeps the record of a sign-in where every replica finds it.
type Store interface {
	// State gives the value under a key and its revision; nil and 0 for none.
	State(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// PutState puts a value in the place of the one with the revision expected;
	// events.ErrLost when that is not the present one.
	PutState(ctx context.Context, key string, value []byte, expected uint64) (revision uint64, err error)
	// FollowState calls changed at once, whenever the value may have changed, and
	// every so often, until ctx ends.
	FollowState(ctx context.Context, key string, every time.Duration, changed func(context.Context)) error
}

// Options configure a SignIn.
type Options struct {
	Application
	Mode Mode
	// Token is the bearer token of Static.
	Token string
	// TokenFile is where it comes from; it goes before Token, and is read again.
	TokenFile string
	// Scopes are asked for. Required, but for Static.
	Scopes []string
	// Store, Key and Label are required where a person signs in. Label is bound to
	// the record: another bridge with the same key has another label.
	Store Store
	Key   *Key
	Label string
	// OnChange is told when the status changed in what a person wants to know. It is
	// called from the goroutine that found out and must not block.
	OnChange func(Status)
	// Log may be nil.
	Log *slog.Logger
}

func (o Options) complete() (Options, error) {
	var faults []error
	missing := func(is bool, name string) {
		if is {
			faults = append(faults, fmt.Errorf("sign-in: %s: required for %s", name, o.Mode))
		}
	}
	if !o.Mode.Known() {
		faults = append(faults, fmt.Errorf("sign-in: Mode: %q is none", o.Mode))
	}
	missing(len(o.Scopes) == 0 && o.Mode != Static, "Scopes")
	if o.Mode.Personal() {
		missing(o.ClientID == "", "ClientID")
		missing(o.Store == nil, "Store")
		missing(o.Key == nil, "Key")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnChange == nil {
		o.OnChange = func(Status) {}
	}
	return o, errors.Join(faults...)
}
