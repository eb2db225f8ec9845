package main

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/directory"
)

// directoryFlags gives a command the flags of the emulated directory. Once they are parsed, the function it returns
// makes the directory: authorize decides about tokens, or where it is nil they are the one token, any when it is empty.
func directoryFlags(cmd *cobra.Command) func(token string, authorize emulator.Authorize) (http.Handler, error) {
	var (
		options  directory.Options
		generate int
		expiry   string
	)
	f := cmd.Flags()
	f.IntVar(&generate, "directory-devices", 0, "devices to generate in the directory, beside a dozen")
	f.Uint64Var(&options.Seed, "directory-seed", 0, "seed of the generated devices: the same seed, the same devices")
	f.IntVar(&options.DeltaPageSize, "directory-delta-page", 0, "devices in a page of a delta (100)")
	f.DurationVar(&options.DeltaLifetime, "directory-delta-lifetime", 0, "how long a delta token is good (168h)")
	f.StringVar(&expiry, "directory-delta-expiry", string(directory.ExpiryGone), "answer to an expired delta token: "+expiryNames())
	f.BoolVar(&options.SoftDelete, "directory-soft-delete", false, "a deleted device can be restored")
	return func(token string, authorize emulator.Authorize) (http.Handler, error) {
		var err error
		if options.DeltaExpiry, err = directory.ParseExpiry(expiry); err != nil {
			return nil, fmt.Errorf("--directory-delta-expiry: %w", err)
		}
		if generate < 0 {
			return nil, errors.New("--directory-devices: must not be negative")
		}
		if options.Authorize = authorize; authorize == nil {
			options.Authorize = onlyToken(token)
		}
		d, err := directory.New(options)
		if err != nil {
			return nil, err
		}
		if _, err := d.Generate(generate); err != nil {
			return nil, fmt.Errorf("--directory-devices: %w", err)
		}
		return d, nil
	}
}

func expiryNames() string {
	names := make([]string, 0, len(directory.Expiries()))
	for _, e := range directory.Expiries() {
		names = append(names, string(e))
	}
	return strings.Join(names, ", ")
}

// onlyToken accepts want with every permission; nil, which accepts any token, where want is empty.
func onlyToken(want string) emulator.Authorize {
	if want == "" {
		return nil
	}
	return func(token string, _ emulator.Permissions) error {
		if subtle.ConstantTimeCompare([]byte(token), []byte(want)) == 0 {
			return errors.New("not the token that this emulator was given")
		}
		return nil
	}
}
