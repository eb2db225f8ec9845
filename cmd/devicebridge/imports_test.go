package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "devicebridge"

// onlyIn says which folders may import a module, and why.
type onlyIn struct {
	imported string
	folders  []string
	why      string
}

func outsideRules() []onlyIn {
	return []onlyIn{
		{"github.com/nats-io", []string{"bridge/bus"}, "one package knows NATS, so that its traps are handled in one place"},
		{"github.com/Azure", []string{"bridge/graph", "bridge/graph/signin"}, "two packages know Azure's libraries, so that no other can send a request to Graph or get a token for it"},
		{"github.com/AzureAD", []string{"bridge/graph/signin"}, "one package holds a person's sign-in"},
		{"github.com/golang-jwt/jwt", []string{"bridge/graph/emulator/authority"}, "tokens are opaque to the bridge; only who makes them looks inside"},
		{"github.com/labstack/echo", []string{"webhook"}, "one package knows Echo, so that nothing else opens a public door"},
		{"github.com/caarlos0/env", []string{"cmd/devicebridge"}, "configuration is read once, in main, and handed on as values"},
		{"github.com/prometheus", []string{"cmd/devicebridge"}, "the parts tell what happens, the command counts it"},
		{"github.com/spf13/cobra", []string{"cmd/devicebridge"}, "the command line belongs to the command"},
		{"go.opentelemetry.io/otel", []string{"bridge/tracing", "cmd/devicebridge"}, "one package begins spans, so that what may stand in one is judged in one place"},
		{"go.opentelemetry.io/otel/sdk", []string{"cmd/devicebridge"}, "only main reads the environment, and the SDK reads OTEL_* by itself"},
		{"go.opentelemetry.io/otel/exporters", []string{"cmd/devicebridge"}, "only main says where spans go"},
		{"go.opentelemetry.io/proto", []string{"bridge/tracing/otlp"}, "one package speaks to a collector"},
		{"github.com/hanwen/go-fuse", []string{"cmd/devicebridge/proof/lossy"}, "a file system is for the proof alone, and no part of the product"},
		{"text/template", nil, "one template that is executed makes the linker keep every exported method of every type, five megabytes"},
		{"html/template", nil, "as text/template, on which it rests"},
		{"os/signal", []string{"cmd/devicebridge"}, "only main decides when the process ends"},
	}
}

// mayImport says which packages of this module each of its packages may import.
func mayImport() map[string]struct {
	allowed []string
	why     string
} {
	type rule = struct {
		allowed []string
		why     string
	}
	return map[string]rule{
		"schemas":             {nil, "the schemas are data"},
		"schemas/validate":    {[]string{"schemas"}, "for tests and tools: whoever imports it pays for the validator at every start"},
		"events":              {[]string{"schemas"}, "the vocabulary depends on nothing that uses it"},
		"bridge/command":      {[]string{"events"}, "the lifecycle is pure"},
		"bridge/decode":       {[]string{"events"}, "reading a request decides nothing"},
		"bridge/redact":       {nil, "what is taken out of a text is decided by the text and the secrets alone"},
		"bridge/roundtrip":    {nil, "that an answer ends is not a matter of what it says"},
		"bridge/graph":        {[]string{"events", "bridge/redact", "bridge/roundtrip"}, "the Graph client knows nothing of the bridge"},
		"bridge/graph/signin": {[]string{"events", "bridge/graph", "bridge/redact", "bridge/roundtrip"}, "the sign-in gives tokens to the Graph client and knows nothing of commands"},
		"bridge/graph/emulator": {
			[]string{"bridge/graph/emulator/internal/batch", "bridge/graph/emulator/internal/odata", "bridge/graph/emulator/internal/wire"}, "the emulator is a product of its own and must not share the client's mistakes",
		},
		"bridge/graph/emulator/internal/wire":  {nil, "what the emulated services share on HTTP knows none of them"},
		"bridge/graph/emulator/internal/batch": {[]string{"bridge/graph/emulator/internal/wire"}, "a batch knows requests and none of those who answer them"},
		"bridge/graph/emulator/internal/odata": {nil, "the filter language knows no resource"},
		"bridge/graph/emulator/directory": {
			[]string{"bridge/graph/emulator", "bridge/graph/emulator/internal/batch", "bridge/graph/emulator/internal/wire", "bridge/graph/emulator/internal/odata"},
			"the directory shares no mistake with the client; of the device commands it takes the way to ask for permissions",
		},
		"bridge/graph/emulator/authority": {[]string{"bridge/graph/emulator/internal/wire"}, "the emulated authority is a product of its own; the command joins it with the emulator"},
		"bridge/crash":                    {nil, "a crash point is a name and, outside of the proof, nothing"},
		"bridge/lograte":                  {nil, "a limit of lines knows nothing of what they tell"},
		"bridge/bus":                      {[]string{"events", "bridge/crash", "bridge/lograte"}, "the bus moves events and decides nothing"},
		"bridge/policy":                   {[]string{"events"}, "what is allowed is decided without looking anywhere"},
		"bridge": {
			[]string{"events", "bridge/command", "bridge/crash", "bridge/decode", "bridge/graph"},
			"the policy knows NATS and HTTP only through its own interfaces",
		},
		"bridge/directory": {
			[]string{"events", "bridge", "bridge/decode", "bridge/graph"},
			"the directory is a policy beside that of commands, and knows of it only what an endpoint is",
		},
		"bridge/inventory":    {[]string{"events"}, "the feed knows Graph and NATS only through its own interfaces, and nothing of commands"},
		"bridge/tracing":      {[]string{"events", "bridge/graph"}, "the traces know what is told of a step, and decide nothing"},
		"bridge/tracing/otlp": {[]string{"bridge/roundtrip"}, "the way to a collector knows nothing of commands"},
		"webhook":             {[]string{"events", "bridge/lograte", "bridge/redact"}, "the public endpoint and the policy never import each other"},
		"cmd/devicebridge": {
			[]string{
				"events", "schemas", "bridge", "bridge/bus", "bridge/command", "bridge/crash", "bridge/decode", "bridge/directory", "bridge/graph",
				"bridge/graph/emulator", "bridge/graph/emulator/authority", "bridge/graph/emulator/directory", "bridge/graph/signin",
				"bridge/inventory", "bridge/policy", "bridge/redact", "bridge/roundtrip", "bridge/tracing", "bridge/tracing/otlp", "webhook",
				"cmd/devicebridge/internal/natsctx", "cmd/devicebridge/internal/running",
			},
			"the command wires everything",
		},
		"cmd/devicebridge/internal/natsctx": {nil, "the files of another program know nothing of this one"},
		"cmd/devicebridge/internal/running": {nil, "a note of two addresses knows nothing of who is behind them"},
		"cmd/devicebridge/proof":            {nil, "the proof is tests of the built binary; nothing of it is in the product"},
		"cmd/devicebridge/proof/lossy":      {nil, "a disk knows nothing of what is kept on it"},
	}
}

// TestImportRules holds the map of the packages. Test files are free: they may
// look at a package through any other.
func TestImportRules(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." {
			return filepath.SkipDir
		}
		if entry.IsDir() && file != root && isModule(file) {
			return filepath.SkipDir // another one, which the product does not build
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		folder := path.Dir(filepath.ToSlash(relative))
		seen[folder] = true
		checkFile(t, file, folder)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder := range mayImport() {
		if !seen[folder] {
			t.Errorf("package %s has a rule and no Go file", folder)
		}
	}
}

func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

func checkFile(t *testing.T, file, folder string) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	rule, known := mayImport()[folder]
	if !known {
		t.Errorf("%s: package %s is not on the map; give it a rule here", file, folder)
		return
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if own, ok := strings.CutPrefix(imported, module+"/"); ok && !slices.Contains(rule.allowed, own) {
			t.Errorf("%s imports %s: %s", file, imported, rule.why)
		}
		for _, outside := range outsideRules() {
			if under(imported, outside.imported) && !slices.Contains(outside.folders, folder) {
				t.Errorf("%s imports %s, allowed only in %v: %s", file, imported, outside.folders, outside.why)
			}
		}
	}
}

func under(imported, tree string) bool {
	return imported == tree || strings.HasPrefix(imported, tree+"/")
}

// TestImportRulesCanFail shows that the matching finds what it is there for.
func TestImportRulesCanFail(t *testing.T) {
	for _, test := range []struct {
		imported, tree string
		want           bool
	}{
		{"github.com/nats-io/nats.go/jetstream", "github.com/nats-io", true},
		{"github.com/nats-io", "github.com/nats-io", true},
		{"github.com/nats-iocean/x", "github.com/nats-io", false},
	} {
		if got := under(test.imported, test.tree); got != test.want {
			t.Errorf("under(%q, %q) = %v", test.imported, test.tree, got)
		}
	}
}
