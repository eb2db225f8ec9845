package graph

import (
	"context"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// SignInError says that Graph was not asked because there is no usable sign-in. A
// credential gives it, where it knows.
type SignInError struct {
	// Reason says why and what to do; it holds nothing secret.
	Reason string
}

// Error gives the reason.
func (e *SignInError) Error() string { return "no sign-in: " + e.Reason }

// NonRetriable keeps azcore from asking again at once.
func (e *SignInError) NonRetriable() {}

// usable sends nothing while the credential says that its sign-in is over: the
// bearer policy behind it would go on with the token in its hand until that ends.
type usable struct{ credential azcore.TokenCredential }

// Do implements policy.Policy.
func (u usable) Do(req *policy.Request) (*http.Response, error) {
	if err := u.check(); err != nil {
		return nil, err
	}
	return req.Next()
}

func (u usable) check() error {
	if c, ok := u.credential.(interface{ Usable() error }); ok {
		return c.Usable()
	}
	return nil
}

// reauthorize sends a request once more after 401: the bearer policy behind it
// has dropped its token by then and asks for another. The credential is told, where
// it wants to know, because it would give the same one again. A challenge with
// claims is answered by the bearer policy itself, and counts as that once.
type reauthorize struct{ credential azcore.TokenCredential }

// Do implements policy.Policy.
func (r reauthorize) Do(req *policy.Request) (*http.Response, error) {
	current := callOf(req)
	before := current.exchanges
	resp, err := req.Next()
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	r.rejected(req, current)
	if current.exchanges > before+1 {
		return resp, nil
	}
	runtime.Drain(resp)
	resp, err = req.Next()
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		r.rejected(req, current)
	}
	return resp, err
}

// rejected tells a credential that wants to know which token was not taken.
func (r reauthorize) rejected(req *policy.Request, current *call) {
	c, ok := r.credential.(interface {
		Rejected(ctx context.Context, token string)
	})
	if ok && current.last != nil {
		c.Rejected(req.Raw().Context(), current.last.token)
	}
}
