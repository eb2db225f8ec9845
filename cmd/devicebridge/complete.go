package main

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/spf13/cobra"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// completionTime bounds what a completion asks the bridge: a shell waits for it.
const completionTime = 2 * time.Second

// completeCommands offers the ids of the newest commands, and their request ids, for an
// argument that names one. Where no bridge answers it offers nothing.
func completeCommands(vars map[string]string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var offered []string
		askForCompletion(cmd, vars, func(ctx context.Context, ask asker) error {
			var reply events.ListReply
			if err := ask(ctx, "commands.list", events.ListRequest{Limit: 50}, &reply); err != nil {
				return err
			}
			for _, c := range reply.Commands {
				about := printable(string(c.State) + " " + c.DeviceID)
				offered = append(offered, cobra.CompletionWithDesc(c.ID, about))
				if c.RequestID != "" && !events.ValidCommandID(c.RequestID) && printable(c.RequestID) == c.RequestID {
					offered = append(offered, cobra.CompletionWithDesc(c.RequestID, about))
				}
			}
			return nil
		})
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeDevices offers the ids and the names of the account's devices.
func completeDevices(vars map[string]string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		var offered []string
		askForCompletion(cmd, vars, func(ctx context.Context, ask asker) error {
			var reply events.DevicesReply
			if err := ask(ctx, "devices.list", events.DevicesRequest{}, &reply); err != nil {
				return err
			}
			for _, d := range reply.Devices {
				offered = append(offered, cobra.CompletionWithDesc(printable(d.ID), printable(d.Name)))
				if d.Name != "" {
					offered = append(offered, cobra.CompletionWithDesc(printable(d.Name), printable(d.ID)))
				}
			}
			return nil
		})
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}

// askForCompletion has do ask the bridge, briefly. Whatever fails is not told: a shell
// would show it in the middle of a line.
func askForCompletion(cmd *cobra.Command, vars map[string]string, do func(context.Context, asker) error) {
	vars = maps.Clone(vars)
	takeClientFlags(cmd, vars) // what runs before a command does not run here
	c, err := loadClient(vars)
	if err != nil {
		return
	}
	parent := cmd.Context()
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithTimeout(parent, completionTime)
	defer cancel()
	o := busOptions(c, nil, slog.New(slog.DiscardHandler))
	o.Wait, o.Timeout = false, completionTime
	b, err := bus.Connect(ctx, o)
	if err != nil {
		return
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = b.Close(closing)
	}()
	_ = do(ctx, asking(b))
}

// completeForClient adds what a client's arguments and flags are completed with.
func completeForClient(cmd *cobra.Command, vars map[string]string, namesCommand bool) {
	if namesCommand {
		cmd.ValidArgsFunction = completeCommands(vars)
	}
	if cmd.Flags().Lookup("device") != nil {
		_ = cmd.RegisterFlagCompletionFunc("device", completeDevices(vars))
	}
	if cmd.Flags().Lookup("retry-of") != nil {
		complete := completeCommands(vars)
		_ = cmd.RegisterFlagCompletionFunc("retry-of", func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return complete(cmd, nil, word)
		})
	}
}
