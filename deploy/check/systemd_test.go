package check

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/unit"
)

// service gives the options of the unit's section Service: name to values, in order.
func service(t *testing.T) map[string][]string {
	t.Helper()
	options, err := unit.DeserializeOptions(bytes.NewReader(readFile(t, "deploy/systemd/devicebridge.service")))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]string{}
	for _, o := range options {
		if o.Section == "Service" {
			values[o.Name] = append(values[o.Name], o.Value)
		}
	}
	return values
}

func TestSystemdUnitIsHardened(t *testing.T) {
	s := service(t)
	for name, want := range map[string]string{
		"DynamicUser": "yes", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
		"CapabilityBoundingSet": "", "MemoryDenyWriteExecute": "yes", "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes",
		"SystemCallArchitectures": "native", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "UMask": "0077", "StateDirectoryMode": "0700",
		"ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectControlGroups": "yes", "ProtectClock": "yes", "SocketBindDeny": "any",
	} {
		if got := s[name]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !slices.Equal(s["SystemCallFilter"], []string{"@system-service", "~@privileged @resources"}) {
		t.Errorf("system calls are %q", s["SystemCallFilter"])
	}
}

func TestSystemdUnitFitsTheProduct(t *testing.T) {
	s := service(t)
	dir := t.TempDir()
	places := strings.NewReplacer("%d", filepath.Join(dir, "credentials"), "%S", filepath.Join(dir, "state"))
	env := map[string]string{}
	set := func(assignment string) {
		name, value, found := strings.Cut(assignment, "=")
		if !found {
			t.Errorf("%q is no assignment", assignment)
		}
		env[name] = places.Replace(value)
	}
	for line := range strings.Lines(string(readFile(t, "deploy/systemd/devicebridge.env"))) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			set(line)
		}
	}
	for _, assignment := range s["Environment"] {
		set(assignment)
	}
	for _, credential := range s["LoadCredential"] {
		name, _, _ := strings.Cut(credential, ":")
		write(t, filepath.Join(dir, "credentials", name), "secret")
	}
	if faults := append(product.faults(t, env), product.unknown(env)...); len(faults) > 0 {
		t.Errorf("the product says %q", faults)
	}
	for name := range env {
		if _, secret := env[name+"_FILE"]; secret || strings.HasSuffix(name, "_TOKEN") {
			t.Errorf("%s is a secret in the environment", name)
		}
	}
	var bound []string
	for _, name := range []string{"BRIDGE_LISTEN_ADDR", "BRIDGE_ADMIN_ADDR", "BRIDGE_NATS_LISTEN"} {
		_, port, _ := strings.Cut(product.setting(env, name), ":")
		bound = append(bound, "tcp:"+port)
	}
	if !slices.Equal(s["SocketBindAllow"], bound) {
		t.Errorf("it may listen on %q, the settings are %q", s["SocketBindAllow"], bound)
	}
	drain, errDrain := time.ParseDuration(product.setting(env, "BRIDGE_DRAIN_TIMEOUT"))
	stop, errStop := time.ParseDuration(s["TimeoutStopSec"][0])
	if errDrain != nil || errStop != nil || stop < drain+10*time.Second {
		t.Errorf("it is killed after %s, its drain timeout is %s", stop, drain)
	}
	if s["ExecStart"][0] != "/usr/local/bin/devicebridge serve" || env["BRIDGE_DATA_DIR"] != filepath.Join(dir, "state", s["StateDirectory"][0]) {
		t.Errorf("it runs %q with data in %s", s["ExecStart"], env["BRIDGE_DATA_DIR"])
	}
}

// TestSystemdAnalyze asks systemd itself, where it is installed.
func TestSystemdAnalyze(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	text := bytes.ReplaceAll(readFile(t, "deploy/systemd/devicebridge.service"), []byte("/usr/local/bin/devicebridge"), []byte(product.path))
	file := filepath.Join(t.TempDir(), "devicebridge.service")
	write(t, file, string(text))
	if out := output(t, analyze, "verify", file); strings.TrimSpace(out) != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	// It fails above the threshold; 10 times the exposure, 0 is none.
	output(t, analyze, "security", "--offline=yes", "--threshold=15", "--no-pager", file)
	if _, err := exec.Command(analyze, "security", "--offline=yes", "--threshold=5", "--no-pager", file).Output(); err == nil {
		t.Error("the threshold is never passed, so it is no check")
	}
}
