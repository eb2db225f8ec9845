package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot builds the command tree. vars are the environment variables.
func newRoot(vars map[string]string, stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "devicebridge",
		Short: "Device commands from NATS through Microsoft Graph, and back as events",
		Long: `devicebridge takes device commands from NATS, sends each through Microsoft Graph
(POST me/devices/{id}/commands) with a callback URL of its own, and publishes
every status change and every response payload as NATS events.

Microsoft retired the live command API in September 2020. Try everything with
the emulator that is built in: devicebridge demo

` + exitHelp,
		Example: `  devicebridge demo
  devicebridge send --device 6841b3db-2b55-467b-ad84-79a41a4ef665 --uri https://example.com --wait 30s
  devicebridge watch`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{seeHelp(cmd, err)} })
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.AddCommand(
		newServe(vars), newDemo(), newEmulator(),
		newSend(vars), newGet(vars), newList(vars), newWatch(vars), newCancel(vars), newErase(vars), newQuarantine(vars), newDevices(vars), newDirectory(vars),
		newCallback(vars), newKeys(vars),
		newLogin(vars), newLogout(vars), newWhoAmI(vars),
		newPolicy(vars), newVersion(),
		newConfig(vars), newHealthcheck(vars), newDoctor(vars),
	)
	return root
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
