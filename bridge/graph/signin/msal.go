package signin

import (
	"context"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
)

// memory is where MSAL finds its token cache and puts it back. MSAL calls it from
// one goroutine at a time, that of the call which it serves.
type memory struct {
	text []byte
	// written: MSAL put something back since text was set.
	written bool
}

// Replace implements cache.ExportReplace.
func (m *memory) Replace(_ context.Context, c cache.Unmarshaler, _ cache.ReplaceHints) error {
	if len(m.text) == 0 {
		return c.Unmarshal([]byte("{}"))
	}
	return c.Unmarshal(m.text)
}

// Export implements cache.ExportReplace.
func (m *memory) Export(_ context.Context, c cache.Marshaler, _ cache.ExportHints) error {
	text, err := c.Marshal()
	if err == nil {
		m.text, m.written = text, true
	}
	return err
}

// newPublicClient gives MSAL's client for an application that keeps no secret.
func newPublicClient(a Application, m *memory, c *authorityClient) (public.Client, error) {
	return public.New(a.ClientID,
		public.WithAuthority(a.host()+"/"+a.tenant()), public.WithCache(m),
		public.WithHTTPClient(c), public.WithInstanceDiscovery(Trusted(a.host())))
}

// cached gets tokens out of a record that holds MSAL's cache, and new ones with
// the refresh token in it.
type cached struct {
	client public.Client
	memory *memory
}

func newCached(a Application) (*cached, error) {
	m := &memory{}
	client, err := newPublicClient(a, m, a.client())
	if err != nil {
		return nil, err
	}
	return &cached{client: client, memory: m}, nil
}

// token gives a token and, where the authority was asked for it, the record that
// takes the place of r.
func (c *cached) token(ctx context.Context, r record, o policy.TokenRequestOptions) (azcore.AccessToken, *record, error) {
	c.memory.text, c.memory.written = r.Cache, false
	accounts, err := c.client.Accounts(ctx)
	if err != nil {
		return azcore.AccessToken{}, nil, err
	}
	at := slices.IndexFunc(accounts, func(a public.Account) bool { return a.HomeAccountID == r.HomeAccountID })
	if at < 0 {
		return azcore.AccessToken{}, nil, &Failure{Message: "the sign-in record does not hold its account", Advice: loginAdvice, Lasting: true}
	}
	options := []public.AcquireSilentOption{public.WithSilentAccount(accounts[at])}
	if o.Claims != "" {
		options = append(options, public.WithClaims(o.Claims))
	}
	result, err := c.client.AcquireTokenSilent(ctx, o.Scopes, options...)
	if err != nil {
		return azcore.AccessToken{}, nil, err
	}
	token := azcore.AccessToken{Token: result.AccessToken, ExpiresOn: result.ExpiresOn.UTC(), RefreshOn: result.Metadata.RefreshOn.UTC()}
	if !c.memory.written {
		return token, nil, nil
	}
	r.Cache, r.Refreshed, r.TokenExpires = c.memory.text, time.Now().UTC(), token.ExpiresOn
	return token, &r, nil
}
