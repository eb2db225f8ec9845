package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// StaticToken gives a credential that always hands out this one bearer token,
// for gateways with fixed tokens and for trials. It cannot be renewed: once
// Graph no longer takes it, every request ends with 401. An empty token, or one
// that cannot stand in an Authorization header, is an error.
func StaticToken(token string) (azcore.TokenCredential, error) {
	if token == "" {
		return nil, errors.New("graph: static token: empty")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("graph: static token: it holds a space, a line end or another character that no token has; " +
			`give the bare token, without "Bearer"`)
	}
	return staticToken{token}, nil
}

type staticToken struct{ token string }

// staticLife only says when the same token is asked for again.
const staticLife = 24 * time.Hour

// GetToken gives the token.
func (s staticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: s.token, ExpiresOn: time.Now().Add(staticLife)}, nil
}

// Format keeps the token out of every log and dump.
func (s staticToken) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "static token") }
