package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// root is the folder of the product's module, from where the benchmark runs.
const root = "../.."

// binaries are the programs that are measured.
type binaries struct{ bridge, natsServer, self string }

// build builds the bridge as it is delivered, and the NATS server that stands in
// the product's go.mod.
func build(ctx context.Context, dir string) (binaries, error) {
	if _, err := os.Stat(filepath.Join(root, "cmd", "devicebridge")); err != nil {
		return binaries{}, errors.New("run it in deploy/bench of the source tree: it builds the bridge")
	}
	self, err := os.Executable()
	if err != nil {
		return binaries{}, fmt.Errorf("the benchmark's own binary: %w", err)
	}
	b := binaries{bridge: filepath.Join(dir, "devicebridge"), natsServer: filepath.Join(dir, "nats-server"), self: self}
	for file, pkg := range map[string]string{b.bridge: "./cmd/devicebridge", b.natsServer: "github.com/nats-io/nats-server/v2"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, pkg) //nolint:gosec // fixed words
		cmd.Dir = root
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0") // as the image has it
		if out, err := cmd.CombinedOutput(); err != nil {
			return binaries{}, fmt.Errorf("go build %s: %w: %s", pkg, err, out)
		}
	}
	return b, nil
}

// commit names what is measured.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown commit"
	}
	return "commit " + strings.TrimSpace(string(out))
}
