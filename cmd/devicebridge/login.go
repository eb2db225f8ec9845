package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph/signin"
	"devicebridge/events"
)

// loginConfig is what `login` and `logout` read. Who signs in, and where, the
// bridge tells them.
type loginConfig struct {
	clientConfig
	Azure     azureConfig
	SignInKey string `env:"BRIDGE_SIGNIN_KEY"`
	DataDir   string `env:"BRIDGE_DATA_DIR"`
}

func loadLogin(vars map[string]string) (loginConfig, error) {
	var c loginConfig
	var err error
	if c.clientConfig, err = loadClient(vars); err != nil {
		return c, err
	}
	faults := append([]error{parse(vars, &c)}, c.Azure.faults(true)...)
	if c.DataDir == "" {
		if c.DataDir, err = defaultDataDir(vars); err != nil && c.SignInKey == "" {
			faults = append(faults, fmt.Errorf("BRIDGE_SIGNIN_KEY: is missing, and BRIDGE_DATA_DIR, where the embedded server keeps its own, %w", err))
		}
	}
	return c, wrapUsage(errors.Join(faults...))
}

// loginFlags are the flags of `login`.
type loginFlags struct {
	keepIn              string
	browser, deviceCode bool
}

func newLogin(vars map[string]string) *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in to Graph for the bridge",
		Long: `Sign in to Graph, once, for all replicas of the bridge. It asks the running
bridge how to sign in, shows a code and where to enter it (or opens the
browser), and hands the bridge the sign-in, sealed with the sign-in key. It runs
wherever NATS can be reached: set NATS_URL and BRIDGE_SIGNIN_KEY as the bridge
has them. On the machine of a bridge with the embedded server it finds both.`,
		Example: "  devicebridge login\n  devicebridge login --browser",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadLogin(vars)
			if err != nil {
				return err
			}
			if err := f.check(); err != nil {
				return usageError{err}
			}
			return withBus(cmd.Context(), vars, cmd.ErrOrStderr(), func(b *bus.Bus) error {
				return f.login(cmd.Context(), c, asking(b), cmd.OutOrStdout())
			})
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.browser, "browser", false, "open the browser of this machine, whatever the bridge is set to")
	flags.BoolVar(&f.deviceCode, "device-code", false, "show a code to enter on any machine, whatever the bridge is set to")
	flags.StringVar(&f.keepIn, "store", "auto", `where the tokens are kept: "nats", sealed, for every replica; "user", in the key store of this
user, for a bridge that this user runs on this machine; "auto": "user" on macOS and Windows with
the embedded server, else "nats"`)
	addClientFlags(cmd, vars)
	return cmd
}

func (f loginFlags) check() error {
	switch {
	case f.browser && f.deviceCode:
		return errors.New("--browser and --device-code contradict each other")
	case f.keepIn != "auto" && f.keepIn != signin.InNATS && f.keepIn != signin.InUserStore:
		return fmt.Errorf("--store: is %q; it takes auto, nats or user", f.keepIn)
	}
	return nil
}

// keptIn gives where the tokens are to be. On Linux the user's key store is the
// kernel's keyring, which forgets when the machine starts anew.
func keptIn(asked, goos string, embedded bool) string {
	switch {
	case asked != "auto":
		return asked
	case embedded && (goos == "darwin" || goos == "windows"):
		return signin.InUserStore
	default:
		return signin.InNATS
	}
}

func (f loginFlags) mode(bridge string) signin.Mode {
	switch {
	case f.browser:
		return signin.Browser
	case f.deviceCode:
		return signin.DeviceCode
	default:
		return signin.Mode(bridge)
	}
}

func (f loginFlags) login(ctx context.Context, c loginConfig, ask asker, w io.Writer) error {
	now, key, err := c.present(ctx, ask)
	if err != nil {
		return err
	}
	app, err := c.application(now)
	if err != nil {
		return err
	}
	session, err := signin.Login(ctx, signin.LoginOptions{
		Application: app, Mode: f.mode(now.Mode), Scopes: now.Scopes,
		KeepIn: keptIn(f.keepIn, runtime.GOOS, c.NATS.local),
		Prompt: func(p signin.Prompt) { showPrompt(w, p) },
	})
	if err != nil {
		return fmt.Errorf("login: %w", err)
	}
	sealed, err := session.Sealed(key, c.subjects.Prefix(), now.Generation)
	if err != nil {
		return err
	}
	return replaceSignIn(ctx, ask, sealed, w)
}

func showPrompt(w io.Writer, p signin.Prompt) {
	until := ""
	if !p.Expires.IsZero() {
		until = " until " + p.Expires.Local().Format("15:04")
	}
	_, _ = fmt.Fprintf(w, "Open %s in any browser and enter the code %s; it is waited for%s.\n", printable(p.URL), printable(p.Code), until)
}

func replaceSignIn(ctx context.Context, ask asker, sealed []byte, w io.Writer) error {
	var reply events.SignInReply
	if err := ask(ctx, "signin.replace", events.SignInRequest{Sealed: sealed}, &reply); err != nil {
		return err
	}
	return writeSignIn(w, reply.SignIn)
}

// present asks the bridge how it signs in, and finds the key it seals with.
func (c loginConfig) present(ctx context.Context, ask asker) (events.SignIn, *signin.Key, error) {
	var reply events.SignInReply
	if err := ask(ctx, "signin.get", struct{}{}, &reply); err != nil {
		return events.SignIn{}, nil, err
	}
	now := reply.SignIn
	if !signin.Mode(now.Mode).Personal() {
		return now, nil, &events.Error{Code: events.CodeConflict, Message: "the bridge signs in by " + now.Mode + ", in which nobody signs in; " +
			"set BRIDGE_GRAPH_AUTH of the bridge to device-code or browser"}
	}
	key, err := signInKey(c.SignInKey, c.DataDir, false)
	if err != nil {
		return now, nil, usageError{fmt.Errorf("%w; set BRIDGE_SIGNIN_KEY to the key of the bridge", err)}
	}
	if key.ID() != now.Key {
		return now, nil, usageError{fmt.Errorf("BRIDGE_SIGNIN_KEY: is key %s, and the bridge seals with key %s; set the same", key.ID(), now.Key)}
	}
	return now, key, nil
}

// application is the one that the bridge tells. Its authority is believed only if
// it is Microsoft's or set here too: a page that asks for a password must not be
// anybody's who can answer on NATS.
func (c loginConfig) application(now events.SignIn) (signin.Application, error) {
	transport, err := newTransport(c.Azure, 0)
	if err != nil {
		return signin.Application{}, err
	}
	app := c.Azure.application(transport)
	app.ClientID, app.TenantID, app.Authority = now.ClientID, now.Tenant, now.Authority
	if !signin.Trusted(now.Authority) && strings.TrimRight(c.Azure.AuthorityHost, "/") != now.Authority {
		return app, usageError{fmt.Errorf("AZURE_AUTHORITY_HOST: the bridge signs in at %s, which is none of Microsoft's; set it here too if that is right", printable(now.Authority))}
	}
	return app, nil
}
