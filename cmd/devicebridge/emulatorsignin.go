package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/authority"
)

// signInFlags is what the command line says of the emulated identity platform.
type signInFlags struct {
	on      bool
	options authority.Options
}

func (s *signInFlags) add(f *pflag.FlagSet) {
	f.BoolVar(&s.on, "sign-in", false, "emulate the Microsoft identity platform too, and ask for its tokens")
	f.BoolVar(&s.options.AutoApprove, "auto-approve", false, "with --sign-in: approve every sign-in at once, for the first account that fits")
	f.DurationVar(&s.options.TokenLife, "token-life", 0, "with --sign-in: how long access tokens live (1h)")
}

// authority gives nil when there is to be none. overTLS and fixedToken say what other flags ask for.
func (s *signInFlags) authority(overTLS, fixedToken bool) (*authority.Authority, error) {
	switch {
	case !s.on && s.options.AutoApprove:
		return nil, errors.New("--auto-approve: needs --sign-in")
	case !s.on && s.options.TokenLife != 0:
		return nil, errors.New("--token-life: needs --sign-in")
	case !s.on:
		return nil, nil //nolint:nilnil // no authority is asked for, and nothing is wrong
	case !overTLS:
		return nil, errors.New("--sign-in: needs --tls-dir, because azidentity and MSAL take an authority over https only")
	case fixedToken:
		return nil, errors.New("--sign-in: does not go with --token; the authority gives the tokens")
	}
	return authority.New(s.options)
}

// authorizeBy lets the Graph emulator ask the authority.
func authorizeBy(a *authority.Authority) emulator.Authorize {
	return func(token string, anyOf emulator.Permissions) error {
		grant, err := a.Check(token)
		if err != nil {
			return err
		}
		if err := grant.Permits(anyOf.Work, anyOf.Personal, anyOf.Application); err != nil {
			return fmt.Errorf("%w: %w", emulator.ErrForbidden, err)
		}
		return nil
	}
}

// printSignIn shows what a bridge has to be given, and who can sign in.
func printSignIn(out io.Writer, base, caFile string) {
	_, _ = fmt.Fprintf(out, `Sign-in at %[1]s/devicelogin as %[2]s (personal) or %[3]s (work); its control surface at %[1]s/emulator/signin/ledger
For the bridge:
  AZURE_AUTHORITY_HOST=%[1]s/
  AZURE_TENANT_ID=consumers
  AZURE_CLIENT_ID=%[4]s
  BRIDGE_GRAPH_URL=%[1]s/beta
  BRIDGE_GRAPH_AUTH=device-code
  BRIDGE_GRAPH_CA=%[5]s
For the directory: AZURE_TENANT_ID=%[6]s AZURE_CLIENT_ID=%[7]s AZURE_CLIENT_SECRET=%[8]s
`, base, authority.PersonalUser, authority.WorkUser, authority.DeviceApp, caFile, authority.Tenant, authority.DirectoryApp, authority.DirectorySecret)
}
