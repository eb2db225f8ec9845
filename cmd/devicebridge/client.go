package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// withBus gives do a connection to NATS and closes it afterwards.
func withBus(ctx context.Context, vars map[string]string, stderr io.Writer, do func(*bus.Bus) error) error {
	c, err := loadClient(vars)
	if err != nil {
		return err
	}
	o := busOptions(c, nil, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	o.Wait = false
	b, err := bus.Connect(ctx, o)
	if err != nil {
		return &events.Error{Code: events.CodeUnavailable, Message: fmt.Sprintf("%v (the address is that of %s); start `devicebridge serve`, or name another server "+
			"with --server, --context or NATS_URL, and --creds, --nkey, NATS_CREDS, NATS_NKEY or NATS_USER where it asks who you are", err, c.NATS.from)}
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = b.Close(closing)
	}()
	err = do(b)
	if errors.Is(err, context.DeadlineExceeded) {
		return events.Unavailable(err.Error() + "; is `devicebridge serve` running on this NATS, and is BRIDGE_SUBJECT_PREFIX (" +
			c.subjects.Prefix() + ") its own?")
	}
	return err
}

// question is a client subcommand that asks one endpoint.
type question[Q, A any] struct {
	use, short, long, example string
	args                      cobra.PositionalArgs
	endpoint                  string
	// patience is how much longer the answer may take than another one.
	patience time.Duration
	// ask builds the request from the arguments; flags adds flags.
	ask   func(args []string) (Q, error)
	flags func(*cobra.Command)
	show  func(io.Writer, A) error
	// device gives the place of a device's id, in which its name may stand; nil
	// without one.
	device func(*Q) *string
	// explain, if not nil, makes of an error what is told.
	explain func(error) error
}

// command builds the subcommand.
func (q question[Q, A]) command(vars map[string]string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: q.use, Short: q.short, Long: q.long, Example: q.example, Args: usageArgs(q.args),
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := q.ask(args)
			if err != nil {
				return err
			}
			var answer A
			err = withBus(cmd.Context(), vars, cmd.ErrOrStderr(), func(b *bus.Bus) error {
				if q.device != nil {
					device := q.device(&request)
					if *device, err = deviceID(cmd.Context(), askingLong(b), *device); err != nil {
						return err
					}
				}
				return b.Request(cmd.Context(), q.endpoint, request, &answer, q.patience)
			})
			if err != nil && q.explain != nil {
				err = q.explain(err)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), answer)
			}
			return q.show(cmd.OutOrStdout(), answer)
		},
	}
	if q.flags != nil {
		q.flags(cmd)
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd, vars)
	return cmd
}

func newCancel(vars map[string]string) *cobra.Command {
	var name commandName
	return question[events.IDRequest, events.CommandReply]{
		use: "cancel <command>", short: "Cancel a command that was not sent yet", long: "Cancel a command that was not sent yet. Graph documents no cancel.\n\n" + commandHelp,
		example: "  devicebridge cancel xm2igitaea4d34ipad5wcv3kzi\n  devicebridge cancel order-4711",
		args:    cobra.ExactArgs(1), endpoint: "commands.cancel",
		ask: func(args []string) (r events.IDRequest, err error) {
			name, err = nameCommand(args[0])
			return events.IDRequest{ID: name.id}, err
		},
		explain: func(err error) error { return name.explain(err) },
		show:    func(w io.Writer, a events.CommandReply) error { return writeCommand(w, a.Command) },
	}.command(vars)
}

func newList(vars map[string]string) *cobra.Command {
	var r events.ListRequest
	var state string
	return question[events.ListRequest, events.ListReply]{
		use: "list", short: "List commands, newest first", example: "  devicebridge list --state completed --limit 20",
		args: cobra.NoArgs, endpoint: "commands.list",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&state, "state", "", "only commands in this state")
			cmd.Flags().StringVar(&r.DeviceID, "device", "", "only commands of this device: its id or name, see send --help")
			cmd.Flags().IntVar(&r.Limit, "limit", 50, "at most this many, up to 200")
			cmd.Flags().StringVar(&r.Cursor, "cursor", "", "go on where an earlier list ended")
			_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(stateNames(), cobra.ShellCompDirectiveNoFileComp))
		},
		ask: func([]string) (events.ListRequest, error) {
			r.State = events.State(state)
			switch {
			case state != "" && !slices.Contains(stateNames(), state):
				return r, usageError{fmt.Errorf("--state: %q is no state; they are %s", state, strings.Join(stateNames(), ", "))}
			case r.Limit < 1 || r.Limit > 200:
				return r, usageError{fmt.Errorf("--limit: %d is not from 1 to 200", r.Limit)}
			}
			return r, nil
		},
		device: func(r *events.ListRequest) *string { return &r.DeviceID },
		show:   writeList,
	}.command(vars)
}

func stateNames() []string {
	names := make([]string, 0, len(events.States()))
	for _, s := range events.States() {
		names = append(names, string(s))
	}
	return names
}

func newDevices(vars map[string]string) *cobra.Command {
	var r events.DevicesRequest
	return question[events.DevicesRequest, events.DevicesReply]{
		use: "devices", short: "List the account's devices", example: "  devicebridge devices",
		args: cobra.NoArgs, endpoint: "devices.list", patience: pageTimeout,
		flags: func(cmd *cobra.Command) {
			cmd.Flags().BoolVar(&r.Refresh, "refresh", false, "ask Graph anew; otherwise the list may be half a minute old")
		},
		ask:  func([]string) (events.DevicesRequest, error) { return r, nil },
		show: writeDevices,
	}.command(vars)
}

func newCallback(vars map[string]string) *cobra.Command {
	var r events.CallbackRequest
	return question[events.CallbackRequest, events.Receipt]{
		use: "callback", short: "Mint a callback URL for a command that somebody else sends",
		example: "  devicebridge callback --device 6841b3db-2b55-467b-ad84-79a41a4ef665 --expires-in 10m",
		args:    cobra.NoArgs, endpoint: "callbacks.create",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&r.RequestID, "request-id", "", "your own id: the same id gives the same callback")
			cmd.Flags().StringVar(&r.CorrelationID, "correlation-id", "", "carried through every event")
			cmd.Flags().StringVar(&r.DeviceID, "device", "", "device the command is for: its id or name, see send --help")
			cmd.Flags().StringVar(&r.ExpiresIn, "expires-in", "", "when to give up, such as 10m")
		},
		ask:    func([]string) (events.CallbackRequest, error) { return r, nil },
		device: func(r *events.CallbackRequest) *string { return &r.DeviceID },
		show: func(w io.Writer, a events.Receipt) error {
			return writeFields(w, [][2]string{
				{"command", a.Command.ID}, {"events", a.Events}, {"callback", a.CallbackURL},
			})
		},
	}.command(vars)
}
