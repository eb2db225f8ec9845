package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// finding is what one check came to.
type finding struct {
	Check string `json:"check"`
	// State is stateOK, stateWarn or stateFail.
	State string `json:"state"`
	// Detail says what was seen, Help what can be done about it.
	Detail string `json:"detail"`
	Help   string `json:"help,omitempty"`
}

const (
	stateOK = "ok"
	// stateWarn: it works, or could not be looked at.
	stateWarn = "warn"
	stateFail = "fail"
)

// doctor examines a deployment from the outside, as a client of it.
type doctor struct {
	c config
	// client: the environment is one of a client and says nothing of the bridge.
	client  bool
	canary  bool
	timeout time.Duration
	// graph carries requests to Graph and the authority, public those to the public
	// URL, which Graph has to reach with the certificates that everybody trusts.
	graph, public *http.Transport

	bus      *bus.Bus
	replicas int
	// hidden: who answers may not be asked, so that none may all the same.
	hidden bool
	// signIn is what the bridge says of its sign-in; nil where it does not answer.
	signIn   *events.SignIn
	findings []finding
	// certificates are those that were met on the way.
	certificates []certificate
}

func newDoctor(vars map[string]string) *cobra.Command {
	var asJSON, noCanary bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check a deployment from the outside",
		Long: `Check a deployment from the outside, with the environment of the bridge or as
much of it as is needed to reach it: NATS and the streams, the clocks, Graph and
the authority, the sign-in, the replicas, the certificates, and whether the
public URL leads to this bridge. For the last it mints a callback and posts to
it: that leaves a completed command of a minute's life in the event stream,
which names the doctor as its correlation id.

One line per check: ok, warn or fail, what was seen, and the way out. Exit code
1 when a check fails.`,
		Example: "  devicebridge doctor\n  NATS_URL=nats://nats.example.com devicebridge doctor --no-canary --json",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if timeout <= 0 {
				return usageError{fmt.Errorf("--timeout: is %s; it takes a positive duration such as 10s", timeout)}
			}
			client, err := loadClient(vars)
			if err != nil {
				return err
			}
			c, fault := loadServe(vars)
			c.clientConfig = client // it asks as a client does
			d := &doctor{c: c, client: clientsEnvironment(vars), canary: !noCanary, timeout: timeout}
			if err := d.examine(cmd.Context(), fault); err != nil {
				return err
			}
			show := writeFindings
			if asJSON {
				show = func(w io.Writer, list []finding) error {
					return writeJSON(w, map[string]any{"ok": failed(list) == 0, "checks": list})
				}
			}
			if err := show(cmd.OutOrStdout(), d.findings); err != nil {
				return err
			}
			if n := failed(d.findings); n > 0 {
				return fmt.Errorf("%d of %d checks failed", n, len(d.findings))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.BoolVar(&noCanary, "no-canary", false, "mint no callback: whether the public URL leads here is then not checked")
	f.DurationVar(&timeout, "timeout", 10*time.Second, "how long one question may take")
	addClientFlags(cmd, vars)
	return cmd
}

// examine does every check. fault is what is wrong with the environment, if it is to
// be that of a bridge.
func (d *doctor) examine(ctx context.Context, fault error) error {
	var err error
	if d.graph, err = newTransport(d.c.Azure, 0); err != nil {
		return err
	}
	if d.public, err = newTransport(azureConfig{}, 0); err != nil {
		return err
	}
	d.public.DisableKeepAlives = true // so that a balancer may choose another replica each time
	defer d.graph.CloseIdleConnections()
	d.configuration(fault)
	closeNATS := d.nats(ctx)
	defer closeNATS()
	if d.bus != nil {
		d.streams(ctx)
		d.bridges(ctx)
		d.signedIn(ctx)
		d.publicURL(ctx)
	}
	d.graphEndpoints(ctx)
	d.authority(ctx)
	d.expiries(time.Now())
	return nil
}

// clientsEnvironment reports whether none of the settings is there without which no
// bridge starts.
func clientsEnvironment(vars map[string]string) bool {
	for _, name := range []string{"BRIDGE_GRAPH_AUTH", "BRIDGE_GRAPH_URL", "BRIDGE_PUBLIC_URL", "BRIDGE_DIRECTORY"} {
		if vars[name] != "" {
			return false
		}
	}
	return true
}

func (d *doctor) ok(check, format string, a ...any) {
	d.findings = append(d.findings, finding{check, stateOK, fmt.Sprintf(format, a...), ""})
}

func (d *doctor) warn(check, help, format string, a ...any) {
	d.findings = append(d.findings, finding{check, stateWarn, fmt.Sprintf(format, a...), help})
}

func (d *doctor) fail(check, help, format string, a ...any) {
	d.findings = append(d.findings, finding{check, stateFail, fmt.Sprintf(format, a...), help})
}

func (d *doctor) configuration(fault error) {
	const check = "configuration"
	if d.client {
		d.ok(check, "this environment is a client's, with no setting of a bridge")
		return
	}
	if fault == nil {
		d.ok(check, "this environment has no fault")
		return
	}
	faults := configFaults(fault)
	more := ""
	if n := len(faults) - 1; n > 0 {
		more = fmt.Sprintf(", and %d more", n)
	}
	d.warn(check, "where this is the environment of the bridge, see devicebridge config check; elsewhere it is to be expected",
		"a bridge would not start in this environment: %s%s", strings.TrimSpace(faults[0].Variable+" "+faults[0].Message), more)
}

func failed(list []finding) int {
	n := 0
	for _, f := range list {
		if f.State == stateFail {
			n++
		}
	}
	return n
}

func writeFindings(w io.Writer, list []finding) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range list {
		text := f.Detail
		if f.Help != "" {
			text += "; " + f.Help
		}
		row(t, f.State, f.Check, text)
	}
	return t.Flush()
}

// quiet is a log of errors alone: what goes wrong on the way is told as a finding.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
