package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

func newGet(vars map[string]string) *cobra.Command {
	var asJSON, payloadOnly bool
	cmd := &cobra.Command{
		Use: "get <command>", Short: "Show a command as it stands",
		Long: `Show a command as it stands, with the payload that was asked for and its response
payload, as long as their events are kept. A response payload that fits no NATS
message is fetched from where it lies and held against its digest.

` + commandHelp,
		Example: `  devicebridge get xm2igitaea4d34ipad5wcv3kzi --json
  devicebridge get order-4711
  devicebridge get xm2igitaea4d34ipad5wcv3kzi --payload >response.json`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON && payloadOnly {
				return usageError{errors.New("--json and --payload contradict each other")}
			}
			name, err := nameCommand(args[0])
			if err != nil {
				return err
			}
			return withBus(cmd.Context(), vars, cmd.ErrOrStderr(), func(b *bus.Bus) error {
				var answer events.CommandReply
				if err := b.Request(cmd.Context(), "commands.get", events.IDRequest{ID: name.id}, &answer, 0); err != nil {
					return name.explain(err)
				}
				// The record is shown also when the object it names cannot be had.
				missing := bringPayload(cmd.Context(), asking(b), &answer.Command)
				switch {
				case payloadOnly && missing != nil:
					return missing
				case payloadOnly:
					return writePayload(cmd.OutOrStdout(), answer.Command)
				case asJSON:
					return errors.Join(writeJSON(cmd.OutOrStdout(), answer), missing)
				default:
					return errors.Join(writeCommand(cmd.OutOrStdout(), answer.Command), writeWaits(cmd.OutOrStdout(), answer.Waits),
						writeRequested(cmd.OutOrStdout(), answer.Command), missing)
				}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with the response payload in its place")
	cmd.Flags().BoolVar(&payloadOnly, "payload", false, "write only the response payload, as it came")
	addClientFlags(cmd, vars)
	return cmd
}

// writeRequested prints, for a person, the payload that the device was to get.
func writeRequested(w io.Writer, c events.Command) error {
	text := string(c.Payload)
	if runes := []rune(text); len(runes) > shownPayload {
		text = fmt.Sprintf("%s… (%d bytes; --json has all of them)", string(runes[:shownPayload]), len(c.Payload))
	}
	return writeFields(w, [][2]string{{"payload", text}})
}

// asking asks over a bus.
func asking(b *bus.Bus) asker {
	return func(ctx context.Context, endpoint string, request, reply any) error {
		return b.Request(ctx, endpoint, request, reply, 0)
	}
}
