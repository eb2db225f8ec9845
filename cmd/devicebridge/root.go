package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newRoot builds the command tree. vars are the environment variables, which stay
// as they are: what flags of the clients say is put before them in a copy.
func newRoot(vars map[string]string, stdout, stderr io.Writer) *cobra.Command {
	if vars = maps.Clone(vars); vars == nil {
		vars = map[string]string{}
	}
	root := &cobra.Command{
		Use:   "devicebridge",
		Short: "Device commands from NATS through Microsoft Graph, and back as events",
		Long: `devicebridge takes device commands from NATS, sends each through Microsoft Graph
(POST me/devices/{id}/commands) with a callback URL of its own, and publishes
every status change and every response payload as NATS events.

Microsoft retired the live command API in September 2020. Try everything with
the emulator that is built in: devicebridge demo

` + clientHelp + `

` + exitHelp,
		Example: `  devicebridge demo
  devicebridge send --device 6841b3db-2b55-467b-ad84-79a41a4ef665 --uri https://example.com --wait 30s
  devicebridge watch`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			takeClientFlags(cmd, vars)
			return refuseEmpty(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{seeHelp(cmd, err)} })
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"run", "Run it:", []*cobra.Command{newServe(vars), newDemo(), newEmulator()}},
		{"commands", "Device commands:", []*cobra.Command{
			newSend(vars), newGet(vars), newList(vars), newWatch(vars), newCancel(vars), newErase(vars), newCallback(vars),
		}},
		{"devices", "Devices:", []*cobra.Command{newDevices(vars), newDirectory(vars)}},
		{"signin", "The sign-in to Graph:", []*cobra.Command{newLogin(vars), newLogout(vars), newWhoAmI(vars)}},
		{"operate", "Operate it:", []*cobra.Command{
			newConfig(vars), newPolicy(vars), newKeys(vars), newDoctor(vars), newHealthcheck(vars), newQuarantine(vars),
		}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.id
		}
		root.AddCommand(g.commands...)
	}
	root.AddCommand(newVersion())
	return root
}

// refuseEmpty refuses a flag or an argument that is given and empty: as a rule a
// variable of a script that was never set, and to go on as if nothing had been given
// would do something else than was meant.
func refuseEmpty(cmd *cobra.Command, args []string) error {
	if cmd.Name() == cobra.ShellCompRequestCmd || cmd.Name() == cobra.ShellCompNoDescRequestCmd {
		return nil // there it is what is still to be written
	}
	var faults []error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		empty := f.Value.String() == ""
		if list, is := f.Value.(pflag.SliceValue); is {
			empty = len(list.GetSlice()) == 0 || slices.Contains(list.GetSlice(), "")
		}
		if empty {
			faults = append(faults, fmt.Errorf("--%s: is given and empty; give it a value, or leave it out", f.Name))
		}
	})
	for i, arg := range args {
		if arg == "" {
			faults = append(faults, fmt.Errorf("argument %d is given and empty", i+1))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return usageError{seeHelp(cmd, errors.Join(faults...))}
}

// usageArgs makes a wrong number of arguments a fault of usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{seeHelp(cmd, err)}
		}
		return nil
	}
}

// knownCommand refuses what is no subcommand, and names those it may have meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("%q is no command", args[0])
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		err = fmt.Errorf("%w (did you mean %s?)", err, strings.Join(like, " or "))
	}
	return usageError{seeHelp(cmd, err)}
}

func seeHelp(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
}
