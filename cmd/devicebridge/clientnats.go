package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"devicebridge/bridge/bus"
	"devicebridge/cmd/devicebridge/internal/natsctx"
	"devicebridge/cmd/devicebridge/internal/running"
)

// The flags by which every client is told where NATS is. What they say stands among
// the variables under these names, which no variable has.
const (
	flagServer  = "--server"
	flagCreds   = "--creds"
	flagNKey    = "--nkey"
	flagContext = "--context"
	flagPrefix  = "--prefix"
)

// defaultNATS is where the embedded server listens unless it is told otherwise.
const defaultNATS = "nats://127.0.0.1:4222"

// clientHelp tells how a client finds the bridge.
const clientHelp = `What asks a bridge finds NATS by the first of these that says where it is:
--server; --context, a context of the nats command; NATS_URL; NATS_CONTEXT;
BRIDGE_NATS_LISTEN, or the bridge that runs on this machine with BRIDGE_DATA_DIR;
the context that is selected; 127.0.0.1:4222.`

// addClientFlags gives a client the flags that go before the environment, in vars.
func addClientFlags(cmd *cobra.Command, vars map[string]string) {
	flags := pflag.NewFlagSet("client", pflag.ContinueOnError)
	flags.StringP("server", "s", "", "`url` of the NATS servers, comma separated (NATS_URL)")
	flags.String("creds", "", "credentials `file` for NATS (NATS_CREDS)")
	flags.String("nkey", "", "nkey seed `file` for NATS (NATS_NKEY)")
	flags.String("context", "", "take server and credentials from this context of the nats command (NATS_CONTEXT)")
	flags.String("prefix", "", "subject prefix of the bridge (BRIDGE_SUBJECT_PREFIX)")
	cmd.Flags().AddFlagSet(flags)
	_ = cmd.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return natsctx.Names(natsctx.Dir(vars)), cobra.ShellCompDirectiveNoFileComp
	})
	completeForClient(cmd, vars, strings.Contains(cmd.Use, "<command>") || strings.Contains(cmd.Use, "[command]"))
	for _, file := range []string{"creds", "nkey"} {
		_ = cmd.RegisterFlagCompletionFunc(file, cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault))
	}
}

// takeClientFlags puts what the flags of a client say among the variables.
func takeClientFlags(cmd *cobra.Command, vars map[string]string) {
	for _, name := range []string{flagServer, flagCreds, flagNKey, flagContext, flagPrefix} {
		if f := cmd.Flags().Lookup(strings.TrimPrefix(name, "--")); f != nil && f.Changed {
			vars[name] = f.Value.String()
		}
	}
}

// auth is the part of c that says who the client is. It is taken from one place as a
// whole: the user of one and the password of another are nobody.
func (c natsConfig) auth() natsConfig {
	return natsConfig{Creds: c.Creds, NKey: c.NKey, User: c.User, Password: c.Password, Token: c.Token}
}

// under gives c with what is missing taken from other.
func (c natsConfig) under(other natsConfig) natsConfig {
	if c.auth() == (natsConfig{}) {
		c.Creds, c.NKey, c.User, c.Password, c.Token = other.Creds, other.NKey, other.User, other.Password, other.Token
	}
	if c.Cert == "" && c.Key == "" {
		c.Cert, c.Key = other.Cert, other.Key
	}
	c.CA, c.URL = cmp.Or(c.CA, other.CA), cmp.Or(c.URL, other.URL)
	c.inboxPrefix, c.tlsFirst = other.inboxPrefix, other.tlsFirst
	return c
}

// findNATS gives how a client reaches NATS, as clientHelp says, from the variables and
// what was parsed of them. Its error is a fault of usage.
func findNATS(given natsConfig, vars map[string]string) (natsConfig, error) {
	flags := natsConfig{URL: vars[flagServer], Creds: vars[flagCreds], NKey: vars[flagNKey]}
	if flags.Creds != "" && flags.NKey != "" {
		return given, errors.New("--creds and --nkey: give one of them")
	}
	found, err := withoutFlags(given, flags.URL != "", vars)
	if err != nil {
		return given, err
	}
	if flags.auth() != (natsConfig{}) {
		found.Creds, found.NKey, found.User, found.Password, found.Token = flags.Creds, flags.NKey, "", "", ""
	}
	if flags.URL != "" {
		found.URL, found.from, found.local = flags.URL, "--server", false
	}
	return found, nil
}

func withoutFlags(given natsConfig, hasServer bool, vars map[string]string) (natsConfig, error) {
	fromContext := func(name string) (natsConfig, error) {
		c, err := natsctx.Load(natsctx.Dir(vars), vars["HOME"], name)
		return natsConfig{
			URL: cmp.Or(c.URL, defaultNATS), Creds: c.Creds, NKey: c.NKey, CA: c.CA, Cert: c.Cert, Key: c.Key, User: c.User, Password: c.Password, Token: c.Token,
			inboxPrefix: c.InboxPrefix, tlsFirst: c.TLSFirst, from: "the NATS context " + name,
		}, err
	}
	if name := vars[flagContext]; name != "" {
		// What the environment says belongs to another server: not a word of it goes to
		// this one.
		c, err := fromContext(name)
		if err != nil {
			return c, fmt.Errorf("--context: %w", err)
		}
		return c, nil
	}
	if name := vars["NATS_CONTEXT"]; name != "" {
		c, err := fromContext(name)
		if err != nil {
			return c, fmt.Errorf("NATS_CONTEXT: %w", err)
		}
		from := c.from
		if given.URL != "" {
			from = "NATS_URL"
		}
		given = given.under(c)
		given.from = from
		return given, nil
	}
	if given.URL != "" {
		given.from = "NATS_URL"
		return given, nil
	}
	if hasServer {
		return given, nil
	}
	if url, from := localBridge(vars); url != "" {
		given.URL, given.from, given.local = url, from, true
		return given, nil
	}
	if name := natsctx.Selected(natsctx.Dir(vars)); name != "" {
		c, err := fromContext(name)
		if err != nil {
			return c, fmt.Errorf("the selected context: %w", err)
		}
		from := c.from + ", which is selected"
		given = given.under(c)
		given.from = from
		return given, nil
	}
	given.URL, given.from, given.local = defaultNATS, "the default", true
	return given, nil
}

// localBridge gives where the embedded server of a bridge on this machine is, and what
// says so; empty where nothing does. It goes by the variables that the bridge goes by,
// and, where they leave the port open, by what the running bridge noted.
func localBridge(vars map[string]string) (url, from string) {
	listen, file := vars["BRIDGE_NATS_LISTEN"], vars["BRIDGE_NATS_CONFIG"]
	if file == "" && listen != "" {
		if _, port, err := net.SplitHostPort(listen); err == nil && port != "0" {
			return "nats://" + running.OnThisMachine(listen), "BRIDGE_NATS_LISTEN"
		}
	}
	dir := vars["BRIDGE_DATA_DIR"]
	if dir == "" {
		dir, _ = defaultDataDir(vars) // without a home there is none
	}
	if dir != "" {
		if note, runs := running.Find(dir); runs {
			return note.NATS, "the bridge that runs with the data directory " + filepath.Clean(dir)
		}
	}
	if file != "" {
		if address, err := (bus.ServerOptions{Listen: listen, ConfigFile: file}).Address(); err == nil {
			return "nats://" + running.OnThisMachine(address), "BRIDGE_NATS_CONFIG"
		}
	}
	if file != "" || listen != "" || vars["BRIDGE_DATA_DIR"] != "" {
		return defaultNATS, "the default"
	}
	return "", ""
}

// clientFaults names a fault of what says how to reach NATS by the flag where that
// said it.
func clientFaults(c natsConfig, vars map[string]string) []error {
	faults := natsFaults(c)
	for i, fault := range faults {
		for _, pair := range [][2]string{{"NATS_URL", flagServer}, {"NATS_CREDS", flagCreds}, {"NATS_NKEY", flagNKey}} {
			if rest, found := strings.CutPrefix(fault.Error(), pair[0]+": "); found && vars[pair[1]] != "" {
				faults[i] = errors.New(pair[1] + ": " + rest)
			} else if found && strings.HasPrefix(c.from, "the NATS context ") {
				faults[i] = errors.New(c.from + ": " + rest)
			}
		}
	}
	return faults
}

// withPrefix gives the variables with the prefix of --prefix in its place.
func withPrefix(vars map[string]string) map[string]string {
	if vars[flagPrefix] == "" {
		return vars
	}
	vars = maps.Clone(vars)
	vars["BRIDGE_SUBJECT_PREFIX"] = vars[flagPrefix]
	return vars
}
