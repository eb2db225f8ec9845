package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Where there is no repository to read them from, as in the image, the linker sets these:
//
//	go build -ldflags "-X main.stampedVersion=v1.2.3 -X main.stampedCommit=…"
//
//nolint:gochecknoglobals // the linker sets variables, nothing else
var stampedVersion, stampedCommit string

// build is what the binary knows of its making.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Date    string `json:"date,omitempty"`
	Go      string `json:"go"`
	NATS    string `json:"natsServer"`
}

func readBuild() build {
	b := build{Version: cmp.Or(stampedVersion, "0.0.0-dev"), Commit: stampedCommit, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" && stampedVersion == "" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = cmp.Or(stampedCommit, s.Value)
		case "vcs.time":
			b.Date = s.Value
		}
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/nats-io/nats-server/v2" {
			b.NATS = m.Version
		}
	}
	return b
}

func version() string { return readBuild().Version }

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show the version, the commit and the NATS server inside",
		Args:    usageArgs(cobra.NoArgs),
		Example: "  devicebridge version --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := readBuild()
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(b)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "devicebridge %s\ncommit %s\nbuilt with %s, NATS server %s inside\n",
				b.Version, orUnknown(strings.TrimSpace(b.Commit+" "+b.Date)), b.Go, orUnknown(b.NATS))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}
