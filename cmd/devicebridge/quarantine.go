package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// quarantined is what a quarantine did.
type quarantined struct {
	Before      time.Time `json:"before"`
	Examined    int       `json:"examined"`
	Quarantined int       `json:"quarantined"`
}

func newQuarantine(vars map[string]string) *cobra.Command {
	var before string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "quarantine --before <time>", Short: "After a restore: do not send what may have been sent since the backup",
		Long: `A store that was restored from a backup shows commands as still to be sent that
were sent since. Start every bridge with BRIDGE_DISPATCH=paused, run this with
the time of the restore, and start them again without: commands that were
accepted before that time and not sent are outcomeUnknown then. They are never
sent; a postback or --retry-of can still bring them to an end. To run it again
with the same time does no harm.`,
		Example: "  devicebridge quarantine --before 2026-11-22T10:00:00Z\n  devicebridge quarantine --before now",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := parseBefore(before, time.Now())
			if err != nil {
				return usageError{err}
			}
			var done quarantined
			err = withBus(cmd.Context(), vars, cmd.ErrOrStderr(), func(b *bus.Bus) error {
				done, err = quarantine(cmd.Context(), askingLong(b), at)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), done)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "quarantined %d of %d commands; those accepted before %s and not sent are outcomeUnknown now and will not be sent\n",
				done.Quarantined, done.Examined, at.Format(time.RFC3339Nano))
			return err
		},
	}
	cmd.Flags().StringVar(&before, "before", "", `commands accepted before this time, such as 2026-11-22T10:00:00Z, or "now"`)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd, vars)
	return cmd
}

// parseBefore reads --before.
func parseBefore(text string, now time.Time) (time.Time, error) {
	switch text {
	case "":
		return time.Time{}, errors.New("--before is missing; it is the time of the restore, such as 2026-11-22T10:00:00Z, or now")
	case "now":
		return now.UTC(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("--before: %q is not a time with its zone, such as 2026-11-22T10:00:00Z, nor now", text)
	}
	return at.UTC(), nil
}

// quarantine asks page by page until the bridge has looked at every command.
func quarantine(ctx context.Context, ask asker, before time.Time) (quarantined, error) {
	done := quarantined{Before: before}
	request := events.QuarantineRequest{Before: before}
	for {
		var reply events.QuarantineReply
		if err := ask(ctx, "commands.quarantine", request, &reply); err != nil {
			if done.Examined > 0 {
				err = fmt.Errorf("after %d commands, of which %d are quarantined; run it again with --before %s for the rest: %w",
					done.Examined, done.Quarantined, before.Format(time.RFC3339Nano), err)
			}
			return done, err
		}
		done.Examined += reply.Examined
		done.Quarantined += reply.Quarantined
		if reply.Cursor == "" {
			return done, nil
		}
		if reply.Cursor == request.Cursor {
			return done, errors.New("the bridge's answers lead nowhere")
		}
		request.Cursor = reply.Cursor
	}
}

// pageTimeout is how much longer than another request a page of a quarantine, or a
// listing of devices, may
// take: it can be hundreds of appends, each synced to disk.
const pageTimeout = time.Minute

// askingLong asks over a bus for what takes its time.
func askingLong(b *bus.Bus) asker {
	return func(ctx context.Context, endpoint string, request, reply any) error {
		return b.Request(ctx, endpoint, request, reply, pageTimeout)
	}
}
