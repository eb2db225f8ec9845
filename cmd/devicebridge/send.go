package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// sendFlags are the flags of `send`.
type sendFlags struct {
	request    events.Request
	uri        string
	payload    string
	wait       time.Duration
	queue      bool
	printsJSON bool
}

func newSend(vars map[string]string) *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use:   "send --device <device> (--uri <uri> | --app-service <name> --package <family name> --payload <json>)",
		Short: "Ask for a command",
		Long: `Ask for a command: --uri opens a URI on the device, --app-service calls an app
service there. Without --request-id a new one is made, so that a repeat by the
client library cannot send twice; give your own to make a repeat of yours safe.

` + deviceHelp,
		Example: `  devicebridge send --device JimSurface --uri https://example.com
  devicebridge send --device 6841b3db-2b55-467b-ad84-79a41a4ef665 --uri https://example.com --wait 30s
  devicebridge send --device 6841b3db-2b55-467b-ad84-79a41a4ef665 --app-service com.example.ping \
    --package Example.App_8wekyb3d8bbwe --payload '{"Type":"Toast","Title":"Hello"}'
  devicebridge send --device JimSurface --app-service com.example.ping --package Example.App_8wekyb3d8bbwe --payload @toast.json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := f.build(cmd.InOrStdin())
			if err != nil {
				return usageError{err}
			}
			return withBus(cmd.Context(), vars, cmd.ErrOrStderr(), func(b *bus.Bus) error { return f.send(cmd, b, r) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.request.DeviceID, "device", "", "id or name of the device; the devices subcommand lists them")
	flags.StringVar(&f.uri, "uri", "", "open this URI: a launchUri command")
	flags.StringVar(&f.request.AppServiceName, "app-service", "", "call this app service: an appService command")
	flags.StringVar(&f.request.PackageFamilyName, "package", "", "package family name of the app service's application")
	flags.StringVar(&f.payload, "payload", "", "payload as a JSON object; @file reads it from a file, - from the standard input")
	flags.StringVar(&f.request.RequestID, "request-id", "", "your own id: the same id never sends twice")
	flags.StringVar(&f.request.CorrelationID, "correlation-id", "", "carried through every event")
	flags.StringVar(&f.request.ExpiresIn, "expires-in", "", "when to give up, such as 10m")
	flags.StringVar(&f.request.RetryOf, "retry-of", "", "the outcomeUnknown or timedOut command that this one repeats: its id or request id")
	flags.DurationVar(&f.wait, "wait", 0, "wait for the command's end, at most this long (5m)")
	flags.BoolVar(&f.queue, "queue", false, "put it into the intake stream instead of asking for a receipt")
	flags.BoolVar(&f.printsJSON, "json", false, "print JSON")
	addClientFlags(cmd, vars)
	return cmd
}

// build makes the request out of the flags; the bridge checks its content.
func (f sendFlags) build(stdin io.Reader) (events.Request, error) {
	r := f.request
	switch {
	case r.DeviceID == "":
		return r, errors.New("--device is missing; `devicebridge devices` lists them")
	case f.wait < 0 || f.wait > bridge.MaxWait:
		return r, fmt.Errorf("--wait: %s is not a time up to %s", f.wait, bridge.MaxWait)
	case f.queue && f.wait > 0:
		return r, errors.New("--queue gives no answer to --wait for; leave one out")
	case f.uri != "" && (r.AppServiceName != "" || r.PackageFamilyName != "" || f.payload != ""):
		return r, errors.New("--uri makes a launchUri command; --app-service, --package and --payload make an appService command: use one or the other")
	case f.uri != "":
		r.Type = string(events.TypeLaunchURI)
		payload, err := json.Marshal(map[string]string{"uri": f.uri})
		if err != nil {
			return r, fmt.Errorf("--uri: %w", err)
		}
		r.Payload = payload
	case r.AppServiceName != "":
		r.Type = string(events.TypeAppService)
		payload, err := readPayloadFlag(f.payload, stdin)
		if err != nil {
			return r, err
		}
		r.Payload = payload
	default:
		return r, errors.New("give --uri, or --app-service with --package and --payload")
	}
	if r.RetryOf != "" {
		of, err := nameCommand(r.RetryOf)
		if err != nil {
			return r, fmt.Errorf("--retry-of: %w", err)
		}
		r.RetryOf = of.id
	}
	if r.RequestID == "" {
		r.RequestID = uuid.NewString()
	}
	return r, nil
}

func (f sendFlags) send(cmd *cobra.Command, b *bus.Bus, r events.Request) error {
	w := cmd.OutOrStdout()
	var err error
	if r.DeviceID, err = deviceID(cmd.Context(), askingLong(b), r.DeviceID); err != nil {
		return err
	}
	if f.queue {
		sequence, err := b.Enqueue(cmd.Context(), r)
		if err != nil {
			return err
		}
		id := events.RequestCommandID(r.RequestID)
		if f.printsJSON {
			return writeJSON(w, map[string]any{"command": id, "intakeSequence": sequence, "events": b.Subjects().CommandFilter(id)})
		}
		_, err = fmt.Fprintf(w, "queued    as message %d of the intake\ncommand   %s, if the request is good\nevents    %s\n",
			sequence, id, b.Subjects().CommandFilter(id))
		return err
	}
	var receipt events.Receipt
	if err := b.Request(cmd.Context(), "commands.send", r, &receipt, f.wait); err != nil {
		return err
	}
	// The command is sent, whatever becomes of showing its payload.
	missing := bringPayload(cmd.Context(), asking(b), &receipt.Command)
	if err := errors.Join(f.show(cmd, receipt), missing); err != nil {
		return err
	}
	if f.wait > 0 && receipt.Command.State != events.StateCompleted {
		return notCompletedError{receipt.Command.State}
	}
	return nil
}

func (f sendFlags) show(cmd *cobra.Command, receipt events.Receipt) error {
	if f.printsJSON {
		return writeJSON(cmd.OutOrStdout(), receipt)
	}
	if err := writeCommand(cmd.OutOrStdout(), receipt.Command); err != nil {
		return err
	}
	if err := writeWaits(cmd.OutOrStdout(), receipt.Waits); err != nil {
		return err
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "events    %s\n", receipt.Events)
	return err
}
