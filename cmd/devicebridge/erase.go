package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

func newErase(vars map[string]string) *cobra.Command {
	var reason string
	var yes, asJSON bool
	cmd := &cobra.Command{
		Use: "erase <command>", Short: "Erase what is kept of a command that has ended",
		Long: `Erase what is kept of a command that has ended: its events, its response
payload and its timers are overwritten and gone for good. What stays, as long as
events are kept, is one "erased" event: which command of which device, when, in
which state and why. It tells subscribers to erase what they copied, and keeps the
request id from being used again.

It does not reach copies that others have: subscribers, backups, mirrors of the
stream, Graph and the device. To run it again does no harm.

` + commandHelp,
		Example: `  devicebridge erase xm2igitaea4d34ipad5wcv3kzi --reason "request 4711 of the data subject"`,
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := nameCommand(args[0])
			if err != nil {
				return err
			}
			if !yes {
				if err := confirmErasure(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), name); err != nil {
					return err
				}
			}
			var answer events.EraseReply
			err = withBus(cmd.Context(), vars, cmd.ErrOrStderr(), func(b *bus.Bus) error {
				return askingLong(b)(cmd.Context(), "commands.erase", events.EraseRequest{ID: name.id, Reason: reason}, &answer)
			})
			if err != nil {
				return name.explain(err)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), answer)
			}
			return writeErased(cmd.OutOrStdout(), answer)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "kept in the erased event, so nothing personal")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask whether this is meant")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd, vars)
	return cmd
}

func writeErased(w io.Writer, a events.EraseReply) error {
	if err := writeCommand(w, a.Command); err != nil {
		return err
	}
	n := a.Erased
	if n == (events.Erased{}) {
		_, err := fmt.Fprintln(w, "erased    nothing more; it was erased before")
		return err
	}
	_, err := fmt.Fprintf(w, "erased    %s, %s, %s\n", count(n.Events, "event"), count(n.Objects, "object"), count(n.Timers, "timer"))
	return err
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

// confirmErasure asks a person at a terminal. Anybody else has to say --yes.
func confirmErasure(ctx context.Context, in io.Reader, out io.Writer, name commandName) error {
	if !isTerminal(in) {
		return usageError{errors.New("--yes is missing; without a terminal nobody can be asked whether the erasure is meant")}
	}
	return askErasure(ctx, in, out, name)
}

// askErasure takes "yes" for a yes and everything else for a no.
func askErasure(ctx context.Context, in io.Reader, out io.Writer, name commandName) error {
	if _, err := fmt.Fprintf(out, "Erase command %s for good? Type yes: ", printable(name.String())); err != nil {
		return err
	}
	// A read from a terminal cannot be broken off; it ends with the process, which
	// does not outlive this by much.
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n') // an end of the input is a no
		answer <- line
	}()
	select {
	case line := <-answer:
		if strings.TrimSpace(line) == "yes" {
			return nil
		}
		return errors.New("not erased")
	case <-ctx.Done():
		return errors.New("not erased")
	}
}
