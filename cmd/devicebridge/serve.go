package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
)

func newServe(vars map[string]string) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the bridge",
		Long: `Run the bridge until SIGINT or SIGTERM. It is configured by the environment:

` + variableHelp() + `
A name ending in _FILE, such as BRIDGE_GRAPH_TOKEN_FILE, reads a secret from a
file. Without NATS_URL a NATS server with JetStream runs inside. Of OpenTelemetry's
variables OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and
OTEL_BSP_* count too.`,
		Example: `  # against the emulator: devicebridge emulator
  BRIDGE_GRAPH_URL=http://127.0.0.1:8089/beta BRIDGE_GRAPH_AUTH=static BRIDGE_GRAPH_TOKEN=anything \
  BRIDGE_PUBLIC_URL=http://127.0.0.1:8080 devicebridge serve`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadServe(vars)
			if err != nil {
				return err
			}
			terminal := isTerminal(cmd.ErrOrStderr())
			log := newLogger(cmd.ErrOrStderr(), c.LogFormat, c.level)
			sayIgnored(log, ignoredSettings(c, vars))
			return runBridge(cmd.Context(), c, nil, log, func(s started) {
				if terminal {
					printStarted(cmd.OutOrStdout(), c, s)
					return
				}
				log.Info("ready", "version", version(), "nats", s.NATS, "embedded", s.Embedded, "listen", s.Listen,
					"admin", s.Admin, "callbacks", s.Callbacks, "graph", c.GraphURL, "subject_prefix", c.subjects.Prefix(), "took_ms", s.Took.Milliseconds())
			})
		},
	}
}

func printStarted(w io.Writer, c config, s started) {
	nats := s.NATS
	if s.Embedded {
		nats += "  (embedded; files in " + c.DataDir + ")"
	}
	prefix := c.subjects.Prefix()
	if !c.sends() {
		_, _ = fmt.Fprintf(w, "devicebridge %s, ready in %d ms; commands are off\n  NATS       %s\n  Graph      %s\n  admin      %s\nCtrl-C stops it.\n",
			version(), s.Took.Milliseconds(), nats, c.GraphURL, adminText(s.Admin))
		return
	}
	_, _ = fmt.Fprintf(w, `devicebridge %s, ready in %d ms
  NATS       %s
  requests   %s.commands.send, %s.intake.send
  events     %s.events.<command>.<device>.<kind>
  callbacks  %s…  arriving at %s
  Graph      %s
  admin      %s
Ctrl-C stops it.
`, version(), s.Took.Milliseconds(), nats, prefix, prefix, prefix, s.Callbacks, s.Listen, c.GraphURL, adminText(s.Admin))
}

func adminText(address string) string {
	if address == adminOff {
		return adminOff
	}
	return "http://" + address + "/metrics, /readyz, /livez, /version, /loglevel"
}

// newLogger gives readable lines on a terminal, and elsewhere JSON, of which each
// names the host, as the lines of all replicas are read together.
func newLogger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "text" || format == "auto" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	host, _ := os.Hostname() // without a name the lines do without
	return slog.New(slog.NewJSONHandler(w, options)).With("host", host)
}
