package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"devicebridge/bridge/graph/emulator"
)

func newEmulator() *cobra.Command {
	var (
		listen, profile, token string
		options                emulator.Options
		newDirectory           func(token string, authorize emulator.Authorize) (http.Handler, error)
	)
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Run the emulator of Graph's device command API alone",
		Long: `Run an emulator of Graph's device command API: the account's devices, the POST,
the status and payload GETs, and postbacks. It is stricter than the documents
where that finds bugs, and injects faults when asked. It keeps everything in
memory. Beside it, /v1.0/devices is the directory's device resource.`,
		Example: `  devicebridge emulator
  devicebridge emulator --profile pascal --throttle 0.2 --postback-lost 0.1 --seed 7
  devicebridge emulator --directory-devices 5000
  curl -H 'Authorization: Bearer x' http://127.0.0.1:8089/beta/me/devices
  curl -H 'Authorization: Bearer x' http://127.0.0.1:8089/v1.0/devices/delta`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := emulator.ParseProfile(profile)
			if err != nil {
				return usageError{fmt.Errorf("--profile: %w", err)}
			}
			options.Profile, options.Token = p, token
			if options.Directory, err = newDirectory(token, options.Authorize); err != nil {
				return usageError{err}
			}
			e, err := emulator.New(options)
			if err != nil {
				return usageError{err}
			}
			l, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", listen)
			if err != nil {
				return errors.Join(usageError{fmt.Errorf("--listen: %w", err)}, e.Close())
			}
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "Graph emulator at http://%s/beta (profile %s); its ledger at http://%s/emulator/commands\nCtrl-C stops it.\n",
				l.Addr(), p, l.Addr())
			return serveEmulator(cmd.Context(), e, l)
		},
	}
	newDirectory = directoryFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:8089", "address to listen on")
	f.StringVar(&profile, "profile", string(emulator.Documents), "casing and wrapping: "+profileNames())
	f.StringVar(&token, "token", "", "the only bearer token to accept; empty accepts any")
	f.DurationVar(&options.StepDelay, "step", 0, "time between two statuses of a command (200ms)")
	f.BoolVar(&options.InlineResponse, "inline-response", false, "put the response payload into the completed postback")
	f.BoolVar(&options.AllowPlainPostback, "allow-plain-postback", false, "take a postBackUri with http beyond loopback, for a private network")
	faultFlags(cmd, &options.Faults)
	return cmd
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
	server := &http.Server{Handler: e, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
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
	return errors.Join(err, e.Close())
}
