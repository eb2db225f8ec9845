package check

import (
	"context"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// composed reads the compose file as `docker compose` does: an unknown member is
// an error.
func composed(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "deploy/compose/compose.yaml")}, cli.WithProfiles(profiles), cli.WithEnv([]string{"VERSION=v1.2.3"}))
	if err != nil {
		t.Fatal(err)
	}
	p, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func composeEnv(s types.ServiceConfig) map[string]string {
	env := map[string]string{}
	for name, value := range s.Environment {
		if value != nil {
			env[name] = *value
		}
	}
	return env
}

func TestComposeServicesAreHardened(t *testing.T) {
	p := composed(t, "*")
	if len(p.Services) != 9 {
		t.Errorf("services are %q", p.ServiceNames())
	}
	for name, s := range p.Services {
		if !s.ReadOnly || s.User != "65532:65532" || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || s.Privileged ||
			!slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) || s.MemLimit == 0 || s.PidsLimit == 0 {
			t.Errorf("%s is not hardened: %+v", name, s)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on every address", name, port.Published)
			}
		}
		if s.Build != nil && filepath.Clean(s.Build.Context) != filepath.Clean(mustAbs(t, root)) {
			t.Errorf("%s is built in %s", name, s.Build.Context)
		}
		if s.Build != nil && (*s.Build.Args["VERSION"] != "v1.2.3" || s.Build.Args["RUN_IMAGE"] == nil) {
			t.Errorf("%s is built with %v", name, s.Build.Args)
		}
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// TestComposeBridges checks the two bridges against the product and against what
// they speak with.
func TestComposeBridges(t *testing.T) {
	for _, suffix := range []string{"", "-sign-in"} {
		p := composed(t, "*")
		bridge, emulator := p.Services["bridge"+suffix], p.Services["emulator"+suffix]
		env := composeEnv(bridge)
		mounted := maps.Clone(env)
		delete(mounted, "BRIDGE_GRAPH_CA") // made by the emulator; below
		if faults := append(product.faults(t, mounted), product.unknown(env)...); len(faults) > 0 {
			t.Errorf("bridge%s: %q", suffix, faults)
		}
		if bridge.NetworkMode != "service:"+emulator.Name {
			t.Errorf("bridge%s is in network %s; plain http needs loopback", suffix, bridge.NetworkMode)
		}
		if env["NATS_URL"] != "nats://nats"+suffix+":4222" || p.Services["nats"+suffix].Name == "" {
			t.Errorf("bridge%s asks NATS at %s", suffix, env["NATS_URL"])
		}
		if !slices.Equal(bridge.HealthCheck.Test, []string{"CMD", "/usr/local/bin/devicebridge", "healthcheck"}) {
			t.Errorf("bridge%s is checked by %q", suffix, bridge.HealthCheck.Test)
		}
		drain, err := time.ParseDuration(product.setting(env, "BRIDGE_DRAIN_TIMEOUT"))
		if err != nil || time.Duration(*bridge.StopGracePeriod) < drain+10*time.Second {
			t.Errorf("bridge%s may take %s to stop, its drain timeout is %s (%v)", suffix, bridge.StopGracePeriod, drain, err)
		}
		scheme := map[string]string{"": "http", "-sign-in": "https"}[suffix]
		if want := scheme + "://127.0.0.1:8089/beta"; env["BRIDGE_GRAPH_URL"] != want { // where the emulator listens by default
			t.Errorf("bridge%s asks Graph at %s, the emulator is at %s", suffix, env["BRIDGE_GRAPH_URL"], want)
		}
	}
}

func TestComposeSignIn(t *testing.T) {
	p := composed(t, "sign-in")
	bridge, emulator, login := p.Services["bridge-sign-in"], p.Services["emulator-sign-in"], p.Services["login"]
	dir := emulator.Command[slices.Index(emulator.Command, "--tls-dir")+1]
	b, l := composeEnv(bridge), composeEnv(login)
	for _, name := range []string{"BRIDGE_GRAPH_CA", "BRIDGE_SIGNIN_KEY", "AZURE_AUTHORITY_HOST", "NATS_URL"} {
		if b[name] == "" || b[name] != l[name] {
			t.Errorf("%s is %q for the bridge, %q for login", name, b[name], l[name])
		}
	}
	if b["BRIDGE_GRAPH_CA"] != dir+"/ca.pem" {
		t.Errorf("the CA is sought in %s, the emulator keeps it in %s", b["BRIDGE_GRAPH_CA"], dir)
	}
	for _, s := range []types.ServiceConfig{bridge, emulator, login} {
		if len(s.Volumes) != 1 || s.Volumes[0].Source != "tls" || !strings.HasPrefix(dir, s.Volumes[0].Target+"/") {
			t.Errorf("%s mounts %v, want what holds %s", s.Name, s.Volumes, dir)
		}
	}
	if p.Services["demo-sign-in"].DependsOn["login"].Condition != types.ServiceConditionCompletedSuccessfully {
		t.Error("a command is sent before anybody is signed in")
	}
}

// TestComposeCommandsAreTheProducts asks the binary whether it knows each subcommand and flag.
func TestComposeCommandsAreTheProducts(t *testing.T) {
	for name, s := range composed(t, "*").Services {
		if !strings.Contains(s.Image, "devicebridge") || len(s.Command) == 0 {
			continue
		}
		help := productHelp(t, s.Command[0])
		for _, word := range s.Command[1:] {
			if strings.HasPrefix(word, "--") && !regexp.MustCompile(`(?m)^ +`+word+`( |$)`).MatchString(help) {
				t.Errorf("%s: `devicebridge %s` has no flag %s", name, s.Command[0], word)
			}
		}
		for _, unknown := range product.unknown(composeEnv(s)) {
			t.Errorf("%s: %s: no such setting", name, unknown)
		}
	}
}
