package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"devicebridge/bridge/graph/emulator"
)

// emulatorFlags is what the command line says of the emulator.
type emulatorFlags struct {
	listen, profile string
	options         emulator.Options
	signIn          signInFlags
	tls             tlsFlags
	newDirectory    func(token string, authorize emulator.Authorize) (http.Handler, error)
}

func newEmulator() *cobra.Command {
	var flags emulatorFlags
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Run the emulator of Graph's device command API alone",
		Long: `Run an emulator of Graph's device command API: the account's devices, the POST,
the status and payload GETs, and postbacks. It is stricter than the documents
where that finds bugs, and injects faults when asked. It keeps everything in
memory. Beside it, /v1.0/devices is the directory's device resource. Both versions
take JSON batches at $batch.

With --sign-in it is the Microsoft identity platform too, on the same listener:
tokens are then needed, expire, and permit what they were granted. Sign-in needs
TLS: --tls-dir makes a certificate and keeps the CA that signed it.`,
		Example: `  devicebridge emulator
  devicebridge emulator --profile pascal --throttle 0.2 --postback-lost 0.1 --seed 7
  curl -H 'Authorization: Bearer x' http://127.0.0.1:8089/beta/me/devices
  devicebridge emulator --directory-devices 5000
  curl -H 'Authorization: Bearer x' http://127.0.0.1:8089/v1.0/devices/delta
  devicebridge emulator --sign-in --tls-dir ./emulator-tls --token-life 1m`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.listen, "listen", "127.0.0.1:8089", "address to listen on")
	f.StringVar(&flags.profile, "profile", string(emulator.Documents), "casing and wrapping: "+profileNames())
	f.StringVar(&flags.options.Token, "token", "", "the only bearer token to accept; empty accepts any")
	f.DurationVar(&flags.options.StepDelay, "step", 0, "time between two statuses of a command (200ms)")
	f.BoolVar(&flags.options.InlineResponse, "inline-response", false, "put the response payload into the completed postback")
	f.BoolVar(&flags.options.AllowPlainPostback, "allow-plain-postback", false, "take a postBackUri with http beyond loopback, for a private network")
	flags.signIn.add(f)
	flags.tls.add(f)
	flags.newDirectory = directoryFlags(cmd)
	faultFlags(cmd, &flags.options.Faults)
	return cmd
}

// run serves what the flags ask for until ctx ends.
func (f *emulatorFlags) run(ctx context.Context, out io.Writer) error {
	profile, err := emulator.ParseProfile(f.profile)
	if err != nil {
		return usageError{fmt.Errorf("--profile: %w", err)}
	}
	f.options.Profile = profile
	identity, err := f.signIn.authority(f.tls.dir != "", f.options.Token != "")
	if err != nil {
		return usageError{err}
	}
	if identity != nil {
		f.options.Authorize = authorizeBy(identity)
	}
	if f.options.Directory, err = f.newDirectory(f.options.Token, f.options.Authorize); err != nil {
		return usageError{err}
	}
	e, err := emulator.New(f.options)
	if err != nil {
		return usageError{err}
	}
	security, err := f.tls.config(f.listen)
	if err != nil {
		return errors.Join(usageError{err}, e.Close())
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return errors.Join(listenError("--listen", err), e.Close())
	}
	handler, scheme := http.Handler(e), "http"
	if security != nil {
		scheme = "https"
	}
	base := scheme + "://" + reachable(l.Addr().String(), f.tls.names)
	_, _ = fmt.Fprintf(out, "Graph emulator at %s/beta (profile %s); its ledger at %s/emulator/commands\n", base, profile, base)
	if security != nil {
		_, _ = fmt.Fprintf(out, "CA certificate in %s\n", f.tls.caFile())
	}
	if identity != nil {
		handler = identity.Over(e)
		printSignIn(out, base, f.tls.caFile())
	}
	_, _ = fmt.Fprintln(out, "Ctrl-C stops it.")
	return errors.Join(serveHandler(ctx, handler, security, l), e.Close())
}

// reachable gives the address to print: in the place of "every interface" the first of the names, or localhost.
func reachable(address string, names []string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return address
	}
	return net.JoinHostPort(append(slices.Clone(names), "localhost")[0], port)
}

func profileNames() string {
	names := make([]string, 0, len(emulator.Profiles()))
	for _, p := range emulator.Profiles() {
		names = append(names, string(p))
	}
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// serveEmulator serves e on l until ctx ends, and waits.
func serveEmulator(ctx context.Context, e *emulator.Emulator, l net.Listener) error {
	return errors.Join(serveHandler(ctx, e, nil, l), e.Close())
}

// serveHandler serves h on l until ctx ends, and waits; over TLS when there is a configuration of it.
func serveHandler(ctx context.Context, h http.Handler, security *tls.Config, l net.Listener) error {
	server := &http.Server{Handler: h, TLSConfig: security, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	done := make(chan error, 1)
	go func() {
		if security != nil {
			done <- server.ServeTLS(l, "", "")
			return
		}
		done <- server.Serve(l)
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err = server.Shutdown(stop); err != nil {
			err = server.Close()
		}
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
	}
	return err
}
