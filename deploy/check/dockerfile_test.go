package check

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// stages reads the Dockerfile as a builder does.
func stages(t *testing.T) ([]instructions.Stage, []instructions.ArgCommand) {
	t.Helper()
	tree, err := parser.Parse(bytes.NewReader(readFile(t, "Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range tree.Warnings {
		t.Errorf("Dockerfile: %s", w.Short)
	}
	s, args, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, args
}

func TestDockerfile(t *testing.T) {
	all, args := stages(t)
	if len(all) != 2 || all[0].BaseName != "${BUILD_IMAGE}" || all[1].BaseName != "${RUN_IMAGE}" {
		t.Fatalf("stages are %+v", all)
	}
	var named []string
	for _, a := range args {
		named = append(named, a.Args[0].Key)
	}
	if !slices.Equal(named, []string{"BUILD_IMAGE", "RUN_IMAGE"}) {
		t.Errorf("base images are arguments %q", named)
	}
	var user, entry, health string
	var exposed, volumes []string
	env, labels := map[string]string{}, map[string]string{}
	for _, c := range all[1].Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			entry = strings.Join(c.CmdLine, " ")
		case *instructions.HealthCheckCommand:
			health = strings.Join(c.Health.Test, " ")
		case *instructions.ExposeCommand:
			exposed = append(exposed, c.Ports...)
		case *instructions.VolumeCommand:
			volumes = append(volumes, c.Volumes...)
		case *instructions.EnvCommand:
			for _, kv := range c.Env {
				env[kv.Key] = kv.Value
			}
		case *instructions.LabelCommand:
			for _, kv := range c.Labels {
				labels[kv.Key] = kv.Value
			}
		case *instructions.RunCommand:
			t.Errorf("the image runs %q, and has no shell for it", c.CmdLine)
		}
	}
	if user != "65532:65532" || entry != "/usr/local/bin/devicebridge" || health != "CMD /usr/local/bin/devicebridge healthcheck" {
		t.Errorf("user %s, entry point %s, health check %s", user, entry, health)
	}
	var ports []string
	for _, name := range []string{"BRIDGE_LISTEN_ADDR", "BRIDGE_ADMIN_ADDR", "BRIDGE_NATS_LISTEN"} {
		_, port, _ := strings.Cut(product.settings[name], ":")
		ports = append(ports, port)
	}
	slices.Sort(ports)
	slices.Sort(exposed)
	if !slices.Equal(exposed, ports) {
		t.Errorf("exposed are %q, the defaults are %q", exposed, ports)
	}
	if len(product.unknown(env)) > 0 || !slices.Equal(volumes, []string{env["BRIDGE_DATA_DIR"]}) {
		t.Errorf("volumes are %q, the environment %v", volumes, env)
	}
	for _, name := range []string{"title", "description", "version", "revision"} {
		if labels["org.opencontainers.image."+name] == "" {
			t.Errorf("label %s is missing", name)
		}
	}
}

// TestBuildContext: everything that the build reads is sent to the builder, and
// nothing that may be secret.
func TestBuildContext(t *testing.T) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(readFile(t, ".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	ignore, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	err = filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil && file != root {
				return fs.SkipDir // a module of its own, of which the product's build reads nothing
			}
			return nil
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		ignored, err := ignore.MatchesOrParentMatches(name)
		if err != nil {
			return err
		}
		source := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if source && ignored {
			t.Errorf("%s is not sent to the builder", name)
		}
		if !ignored {
			sent++
		}
		return nil
	})
	if err != nil || sent < 100 {
		t.Errorf("%d files are sent (%v)", sent, err)
	}
	for _, name := range []string{".git/config", ".env", "callback-keys", "cmd/x_test.go", "deploy/check/go.mod"} {
		if ignored, err := ignore.MatchesOrParentMatches(name); err != nil || !ignored {
			t.Errorf("%s is sent to the builder (%v)", name, err)
		}
	}
}

// TestVersionIsStamped links as the Dockerfile does and asks for the version.
func TestVersionIsStamped(t *testing.T) {
	all, _ := stages(t)
	var flags string
	for _, c := range all[0].Commands {
		if run, ok := c.(*instructions.RunCommand); ok && strings.Contains(strings.Join(run.CmdLine, " "), "go build") {
			flags = strings.Join(run.CmdLine, " ")
		}
	}
	_, flags, _ = strings.Cut(flags, `-ldflags "`)
	flags, _, found := strings.Cut(flags, `"`)
	if !found {
		t.Fatal("no -ldflags in the Dockerfile")
	}
	flags = os.Expand(flags, func(name string) string {
		return map[string]string{"VERSION": "v7.8.9", "REVISION": "0123abc"}[name]
	})
	path := buildProduct(t, "-ldflags", flags)
	out := output(t, path, "version", "--json")
	if !strings.Contains(out, `"version":"v7.8.9"`) || !strings.Contains(out, `"commit":"0123abc"`) {
		t.Errorf("built with %s it says %s", flags, out)
	}
}
