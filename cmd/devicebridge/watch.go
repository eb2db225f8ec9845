package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// watchFlags are the flags of `watch`.
type watchFlags struct {
	device, kind string
	since        time.Duration
	all, end     bool
	printsJSON   bool
}

func newWatch(vars map[string]string) *cobra.Command {
	var f watchFlags
	cmd := &cobra.Command{
		Use:   "watch [command]",
		Short: "Follow events, live or from the past",
		Long: `Follow the events of all commands, of one command, of one device or of one kind,
live. --since and --all begin in the past. Ctrl-C ends it.

` + commandHelp + `
A request id may be one that is yet to be asked for.`,
		Example: `  devicebridge watch
  devicebridge watch --kind completed --since 1h
  devicebridge watch xm2igitaea4d34ipad5wcv3kzi --all --until-end
  devicebridge watch order-4711`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return usageError{err}
			}
			if len(args) == 1 {
				name, err := nameCommand(args[0])
				if err != nil {
					return err
				}
				args = []string{name.id}
			}
			return withBus(cmd.Context(), vars, cmd.ErrOrStderr(), func(b *bus.Bus) error { return f.follow(cmd, b, args) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.device, "device", "", "only events of this device: its id or name, see send --help")
	flags.StringVar(&f.kind, "kind", "", "only this kind of event, such as completed")
	flags.DurationVar(&f.since, "since", 0, "begin this long ago")
	flags.BoolVar(&f.all, "all", false, "begin with the oldest event kept")
	flags.BoolVar(&f.end, "until-end", false, "with a command: stop when it has ended, exit 5 unless it completed")
	flags.BoolVar(&f.printsJSON, "json", false, "print one JSON record per line")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kindNames(), cobra.ShellCompDirectiveNoFileComp))
	addClientFlags(cmd, vars)
	return cmd
}

func kindNames() []string {
	names := make([]string, 0, len(events.Kinds()))
	for _, k := range events.Kinds() {
		names = append(names, string(k))
	}
	return names
}

// errEnough ends a watch that has seen what it waited for.
var errEnough = errors.New("seen enough")

func (f watchFlags) follow(cmd *cobra.Command, b *bus.Bus, args []string) error {
	var err error
	if f.device, err = deviceID(cmd.Context(), askingLong(b), f.device); err != nil {
		return err
	}
	filter := f.filter(b.Subjects(), args)
	if isTerminal(cmd.ErrOrStderr()) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "watching %s; Ctrl-C ends it\n", filter)
	}
	// The end may lie in the past already.
	o := bus.FollowOptions{Filter: filter, All: f.all || f.end && f.since == 0}
	if f.since > 0 {
		o.Since = time.Now().Add(-f.since)
	}
	o.Unreadable = func(err error) error {
		_, err = fmt.Fprintln(cmd.ErrOrStderr(), "devicebridge: passed over:", printable(err.Error()))
		return err
	}
	var last events.Command
	err = b.Follow(cmd.Context(), o, func(e events.Stored) error {
		last = e.Command
		if err := f.show(cmd, e); err != nil {
			return err
		}
		if f.end && e.Command.Ended() {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err == nil && f.end && last.State != events.StateCompleted {
		return notCompletedError{cmp.Or(last.State, "not known here")}
	}
	return err
}

func (f watchFlags) show(cmd *cobra.Command, e events.Stored) error {
	if f.printsJSON {
		return writeJSON(cmd.OutOrStdout(), e.Command)
	}
	return writeEvent(cmd.OutOrStdout(), e)
}

// check reports flags that make no sense together.
func (f watchFlags) check(args []string) error {
	switch {
	case f.kind != "" && !slices.Contains(kindNames(), f.kind):
		return fmt.Errorf("--kind: %q is no kind of event; they are %s", f.kind, strings.Join(kindNames(), ", "))
	case f.since < 0:
		return errors.New("--since takes a time in the past without a sign, such as 1h")
	case f.since > 0 && f.all:
		return errors.New("--since and --all contradict each other")
	case len(args) == 1 && f.device != "":
		return errors.New("a command has one device; leave --device out")
	case f.end && len(args) == 0:
		return errors.New("--until-end needs a command")
	case f.end && f.kind != "":
		return errors.New("--until-end has to see every kind; leave --kind out")
	default:
		return nil
	}
}

// filter gives the subject filter of the flags.
func (f watchFlags) filter(s events.Subjects, args []string) string {
	kind := events.Kind(f.kind)
	switch {
	case len(args) == 1 && f.kind != "":
		return s.CommandKindFilter(args[0], kind)
	case len(args) == 1:
		return s.CommandFilter(args[0])
	case f.kind != "":
		return s.KindFilter(kind, f.device)
	case f.device != "":
		return s.DeviceFilter(f.device)
	default:
		return s.EventTree()
	}
}
