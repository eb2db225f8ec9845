package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestUnknownSettingsAreRefusedByName(t *testing.T) {
	vars := map[string]string{
		"BRIDGE_PUBLIC_ULR": "https://bridge.example.com", "BRIDGE_WORKER": "3", "BRIDGE_": "x", "BRIDGE_PUBLIC_URL_FILE": "/etc/url",
		"BRIDGE_EMPTY": "", "PATH": "/bin", "BRIDGEHEAD": "1", "bridge_workers": "2",
	}
	_, err := loadClient(vars)
	if err == nil {
		t.Fatal("nothing is refused")
	}
	want := []string{"BRIDGE_", "BRIDGE_EMPTY", "BRIDGE_PUBLIC_ULR", "BRIDGE_PUBLIC_URL_FILE", "BRIDGE_WORKER"}
	if got := cliFaultNames(err); !slices.Equal(got, want) {
		t.Errorf("refused are %v, want %v", got, want)
	}
	if !strings.Contains(err.Error(), "devicebridge serve --help") {
		t.Errorf("%q does not say where the settings are listed", err)
	}
	if exitCode(err) != exitUsage {
		t.Errorf("exit code %d, want %d", exitCode(err), exitUsage)
	}
}

// cliFaultNames gives the variable at the head of each line of an error.
func cliFaultNames(err error) []string {
	var names []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	return names
}

func TestServiceLinksOfKubernetesAreTolerated(t *testing.T) {
	for _, test := range []struct {
		name, value string
		tolerated   bool
	}{
		// What Kubernetes injects for a Service "bridge" or "bridge-nats".
		{"BRIDGE_SERVICE_HOST", "10.0.0.11", true},
		{"BRIDGE_SERVICE_PORT", "8080", true},
		{"BRIDGE_SERVICE_PORT_HTTP", "8080", true},
		{"BRIDGE_PORT", "tcp://10.0.0.11:8080", true},
		{"BRIDGE_PORT_8080_TCP", "tcp://10.0.0.11:8080", true},
		{"BRIDGE_PORT_8080_TCP_PROTO", "tcp", true},
		{"BRIDGE_PORT_8080_TCP_PORT", "8080", true},
		{"BRIDGE_PORT_8080_TCP_ADDR", "10.0.0.11", true},
		{"BRIDGE_PORT_53_UDP_ADDR", "10.0.0.11", true},
		{"BRIDGE_NATS_SERVICE_HOST", "10.0.0.12", true},
		{"BRIDGE_NATS_PORT", "tcp://10.0.0.12:4222", true},
		{"BRIDGE_NATS_PORT_4222_TCP", "tcp://10.0.0.12:4222", true},
		// What a person writes who means a setting.
		{"BRIDGE_PORT", "8080", false},
		{"BRIDGE_NATS_PORT", "4222", false},
		{"BRIDGE_PORT_8080", "1", false},
		{"BRIDGE_PORT_HTTP", "8080", false},
		{"BRIDGE_PORT_8080_TCP_ADDRESS", "10.0.0.11", false},
		{"BRIDGE_PORT_8080_HTTP", "10.0.0.11", false},
		{"BRIDGE_SERVICE_HOSTS", "10.0.0.11", false},
		{"BRIDGE_SERVICE", "bridge", false},
		{"BRIDGE_SERVICEHOST", "10.0.0.11", false},
	} {
		err := unknownNames(map[string]string{test.name: test.value})
		if (err == nil) != test.tolerated {
			t.Errorf("%s=%s: %v, want tolerated %t", test.name, test.value, err, test.tolerated)
		}
		if err != nil && !strings.HasPrefix(err.Error(), test.name+": ") {
			t.Errorf("%q does not begin with %s", err, test.name)
		}
	}
}

// TestTheHelpListsEveryVariable holds the table of the help against the struct
// that is parsed, both ways.
func TestTheHelpListsEveryVariable(t *testing.T) {
	defaults := variableDefaults()
	var listed []string
	for _, v := range variables() {
		listed = append(listed, v.name)
		if v.meaning == "" {
			t.Errorf("%s has no meaning", v.name)
		}
	}
	if want := slices.Sorted(maps.Keys(defaults)); !slices.Equal(slices.Sorted(slices.Values(listed)), want) {
		t.Errorf("the help lists\n%v, read are\n%v", slices.Sorted(slices.Values(listed)), want)
	}
	help := cliOK(t, nil, "serve", "--help")
	for name, value := range defaults {
		i := strings.Index(help, "\n  "+name+" ")
		if i < 0 {
			t.Errorf("the help lacks %s", name)
			continue
		}
		line, _, _ := strings.Cut(help[i+1:], "\n")
		if value != "" && !strings.HasSuffix(line, "("+value+")") {
			t.Errorf("%q does not end with the default %s", line, value)
		}
	}
	for _, name := range secrets() {
		if _, read := defaults[name]; !read {
			t.Errorf("the secret %s is no variable", name)
		}
	}
}
