// Package check checks what stands in deploy/ against the product: every file is
// read by the strict reader of its kind, every setting in it is one that the
// built binary takes, and every port, path, name and period fits the others.
//
// It is a module of its own, so that the product depends on nothing of
// Kubernetes, Helm or Compose. It has no code but tests.
package check

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the folder of the product's module.
const root = "../.."

// bridge is the built binary and what its help tells.
type bridge struct {
	path     string
	settings map[string]string // name to default
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "devicebridge-deploy-")
	if err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "devicebridge"), "./cmd/devicebridge")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v: %s", err, out))
	}
	product.path = filepath.Join(dir, "devicebridge")
	if product.settings, err = product.help(); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

var product bridge

// help reads the settings from `serve --help`.
func (b bridge) help() (map[string]string, error) {
	out, err := exec.Command(b.path, "serve", "--help").Output()
	if err != nil {
		return nil, err
	}
	settings := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^  ([A-Z][A-Z0-9_]+) +(.*?)(?: \(([^ ()]+)\))?$`).FindAllStringSubmatch(string(out), -1) {
		settings[m[1]] = m[3]
	}
	if len(settings) < 40 || settings["BRIDGE_LISTEN_ADDR"] != ":8080" {
		return nil, fmt.Errorf("the help is not read as it is meant: %v", settings)
	}
	return settings, nil
}

// setting gives what a container's environment says, or the default.
func (b bridge) setting(env map[string]string, name string) string {
	if v, set := env[name]; set {
		return v
	}
	return b.settings[name]
}

// unknown lists the variables that the product does not read.
func (b bridge) unknown(env map[string]string) []string {
	var names []string
	for name := range env {
		secret, isFile := strings.CutSuffix(name, "_FILE")
		_, known := b.settings[name]
		_, knownSecret := b.settings[secret]
		if !known && (!isFile || !knownSecret) && name != "GOMEMLIMIT" && !strings.HasPrefix(name, "OTEL_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// faults starts `serve` with this environment and one fault of our own. It
// reports all faults together before it starts anything, so what it says beyond
// ours is what the environment is refused for.
func (b bridge) faults(t *testing.T, env map[string]string) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, b.path, "serve")
	cmd.Env = []string{"HOME=" + t.TempDir(), "BRIDGE_WORKERS=0"}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 {
		t.Fatalf("serve with BRIDGE_WORKERS=0 ended with %v, want exit code 2:\n%s", err, &out)
	}
	var faults []string
	own := false
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "devicebridge: "))
		switch {
		case strings.HasPrefix(line, "BRIDGE_WORKERS: is 0"):
			own = true
		case regexp.MustCompile(`^(BRIDGE|NATS|AZURE)_[A-Z_]+: `).MatchString(line):
			faults = append(faults, line)
		}
	}
	if !own {
		t.Fatalf("serve did not name the fault that was made:\n%s", &out)
	}
	return faults
}

// secretText gives a value that the product takes for a key of a Secret.
func secretText(key string) string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails, by its documentation
	switch {
	case strings.HasPrefix(key, "callback"):
		return "k1:" + base64.StdEncoding.EncodeToString(random)
	case strings.HasPrefix(key, "signin"):
		return base64.StdEncoding.EncodeToString(random)
	}
	return "not-empty"
}

func readFile(t *testing.T, elements ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, elements...)...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheProductsFaultsAreSeen(t *testing.T) {
	right := map[string]string{"BRIDGE_PUBLIC_URL": "https://bridge.example.com", "BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "x"}
	if got := product.faults(t, right); len(got) != 0 {
		t.Errorf("a right configuration has faults: %q", got)
	}
	right["BRIDGE_GRAPH_AUTH"] = "guess"
	right["BRIDGE_DRAIN_TIMEUOT"] = "1s"
	if got := product.faults(t, right); len(got) != 2 {
		t.Errorf("two faults are seen as %q", got)
	}
	if got := product.unknown(map[string]string{"NATS_CREDENTIALS": "", "NATS_TOKEN_FILE": "", "BRIDGE_WORKERS": ""}); !slices.Equal(got, []string{"NATS_CREDENTIALS"}) {
		t.Errorf("unknown are %q", got)
	}
}

// productHelp gives the help of a subcommand that there must be.
func productHelp(t *testing.T, subcommand string) string {
	t.Helper()
	out, err := exec.Command(product.path, subcommand, "--help").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("devicebridge "+subcommand)) {
		t.Fatalf("devicebridge %s --help: %v: %s", subcommand, err, out)
	}
	return string(out)
}

// buildProduct builds the binary once more, with flags.
func buildProduct(t *testing.T, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "devicebridge")
	cmd := exec.Command("go", slices.Concat([]string{"build", "-o", path}, flags, []string{"./cmd/devicebridge"})...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func output(t *testing.T, path string, args ...string) string {
	t.Helper()
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", path, args, err, out)
	}
	return string(out)
}

// write writes a file and the folders above it.
func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
