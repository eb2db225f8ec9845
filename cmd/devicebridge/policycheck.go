package main

import (
	"errors"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"devicebridge/bridge/policy"
	"devicebridge/events"
)

func newPolicy(vars map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "policy", Short: "What may be asked of the bridge",
		Example: "  devicebridge policy check policy.yaml",
		Args:    knownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPolicyCheck(vars))
	return cmd
}

// policyTrial is a request to try a policy with.
type policyTrial struct{ device, uri, packages, service string }

func newPolicyCheck(vars map[string]string) *cobra.Command {
	var try policyTrial
	cmd := &cobra.Command{
		Use: "check [<file>]", Short: "Check a policy file and show what is in force with it",
		Long: `Report all faults of a policy file, or of the one that BRIDGE_POLICY_FILE names,
and of the variables beside it. Where there is none, show each setting and where
it comes from: the file goes before the environment for each setting it names.
With --device, --uri, or --package and --app-service, say whether the policy would
let that pass; what it refuses ends with exit code 3. No bridge is asked.`,
		Example: "  devicebridge policy check policy.yaml\n  devicebridge policy check policy.yaml --uri https://example.com/ --device d1",
		Args:    usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var c policyConfig
			faults := []error{parse(vars, &c)}
			if len(args) == 1 {
				c.File = args[0]
			}
			if (try.packages == "") != (try.service == "") {
				faults = append(faults, errors.New("--package and --app-service: give both or neither"))
			}
			if err := errors.Join(append(faults, c.load()...)...); err != nil {
				return usageError{err}
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			writePolicy(t, c)
			refused := try.on(c.atStart, t)
			return errors.Join(t.Flush(), refused)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&try.device, "device", "", "try this device id")
	flags.StringVar(&try.uri, "uri", "", "try this URI of a launchUri command")
	flags.StringVar(&try.packages, "package", "", "try this package family name, with --app-service")
	flags.StringVar(&try.service, "app-service", "", "try this app service, with --package")
	return cmd
}

// writePolicy shows the settings that are in force, and where each comes from.
func writePolicy(t *tabwriter.Writer, c policyConfig) {
	if c.File != "" {
		row(t, "file", c.File, "sha256 "+c.digest)
	}
	for _, m := range policy.Members() {
		setting, ok := c.atStart.Settings()[m]
		words := strings.Join(setting.Words, ", ")
		switch {
		case !ok:
			words = "any"
		case words == "":
			words = "none"
		}
		row(t, string(m), words, setting.Source)
	}
}

// on tries a policy: it shows what passes and gives the refusals.
func (try policyTrial) on(p *policy.Policy, t *tabwriter.Writer) error {
	var refusals []error
	judge := func(what, text string, refusal *events.Error) {
		if refusal != nil {
			refusals = append(refusals, refusal)
			return
		}
		row(t, what, text, "allowed")
	}
	if try.device != "" {
		judge("device", try.device, p.Device(try.device))
	}
	if try.uri != "" {
		written, refusal := p.URI(try.uri)
		judge("uri", written, refusal)
	}
	if try.packages != "" {
		judge("app service", try.packages+"/"+try.service, p.AppService(try.packages, try.service))
	}
	return errors.Join(refusals...)
}
