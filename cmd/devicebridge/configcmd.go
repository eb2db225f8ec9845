package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newConfig(vars map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Check or show the configuration that serve would run with",
		Example: "  devicebridge config check\n  devicebridge config print",
		Args:    knownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(newConfigCheck(vars), newConfigPrint(vars))
	return cmd
}

// configFault is one fault of the configuration, as JSON shows it.
type configFault struct {
	Variable string `json:"variable,omitempty"`
	Message  string `json:"message"`
}

func newConfigCheck(vars map[string]string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Report every fault of the configuration and start nothing",
		Long: `Report every fault of the configuration, each under its variable and in the
words of serve, and start nothing. Exit code 0 when there is none, else 2.`,
		Example: "  devicebridge config check && devicebridge serve",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadServe(vars)
			ignored := ignoredSettings(c, vars)
			if !asJSON {
				if err == nil {
					_, err = fmt.Fprintln(cmd.OutOrStdout(), "the configuration has no fault")
				}
				for _, s := range ignored {
					_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%s has no effect: %s\n", s.Variable, s.Because)
				}
				return err
			}
			answer := map[string]any{"ok": err == nil, "faults": configFaults(err)}
			if len(ignored) > 0 {
				answer["ignored"] = ignored
			}
			if written := writeJSON(cmd.OutOrStdout(), answer); written != nil {
				return written
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON; the faults are on stderr too")
	return cmd
}

// configFaults takes apart what loadServe reports: a line for each fault, which
// begins with its variable.
func configFaults(err error) []configFault {
	faults := []configFault{}
	if err == nil {
		return faults
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		name, message, found := strings.Cut(line, ": ")
		if !found || strings.Contains(name, " ") { // of two variables
			name, message = "", line
		}
		faults = append(faults, configFault{name, message})
	}
	return faults
}

func newConfigPrint(vars map[string]string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Show what is in effect and where it comes from, with secrets masked",
		Long: `Show every setting that serve would run with and where it comes from: the
default, the environment, or a file. Secrets are masked. It works on a broken
configuration too: the faults are on stderr, the exit code is 2, the setting at
fault is marked as refused, and one that cannot be read is shown as its default.`,
		Example: "  devicebridge config print\n  devicebridge config print --json",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, fault := loadServe(vars)
			show := writeSettings
			if asJSON {
				show = func(w io.Writer, list []setting) error { return writeJSON(w, list) }
			}
			if err := show(cmd.OutOrStdout(), effective(c, vars, fault)); err != nil {
				return err
			}
			return fault
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func writeSettings(w io.Writer, list []setting) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row(t, "VARIABLE", "VALUE", "SOURCE")
	for _, s := range list {
		source := strings.TrimSpace(s.Source + " " + s.File)
		if s.Refused {
			source += " (refused)"
		}
		if s.Unused != "" {
			source += " (no effect: " + s.Unused + ")"
		}
		row(t, s.Name, s.Value, source)
	}
	return t.Flush()
}
