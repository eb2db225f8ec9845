package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestAMisspeltSettingIsToldItsName(t *testing.T) {
	for name, want := range map[string]string{
		"BRIDGE_PUBLIC_ULR":        "BRIDGE_PUBLIC_URL",
		"BRIDGE_PUBLICURL":         "BRIDGE_PUBLIC_URL",
		"BRIDGE_WORKER":            "BRIDGE_WORKERS",
		"BRIDGE_CALLBACK_KEY":      "BRIDGE_CALLBACK_KEYS",
		"BRIDGE_CALLBACK_KEY_FILE": "BRIDGE_CALLBACK_KEYS_FILE",
		"BRIDGE_LOGLEVEL":          "BRIDGE_LOG_LEVEL",
		"BRIDGE_DRAIN_TIME":        "BRIDGE_DRAIN_TIMEOUT",
		"BRIDGE_LISTEN":            "BRIDGE_LISTEN_ADDR",
		"BRIDGE_SOMETHING_ELSE":    "",
		"BRIDGE_":                  "",
	} {
		err := unknownNames(map[string]string{name: "x"})
		if err == nil {
			t.Errorf("%s is taken", name)
			continue
		}
		if suggests := strings.Contains(err.Error(), "did you mean"); suggests != (want != "") || suggests && !strings.Contains(err.Error(), "did you mean "+want+"?") {
			t.Errorf("%q, want it to suggest %q", err, want)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(variableDefaults())) {
		if got := nearestName(name, slices.Sorted(maps.Keys(variableDefaults()))); got != name {
			t.Errorf("the nearest to %s is %s", name, got)
		}
	}
}

// TestOnlySecretsComeFromFiles: who writes _FILE after another setting is told that.
func TestOnlySecretsComeFromFiles(t *testing.T) {
	err := unknownNames(map[string]string{"BRIDGE_PUBLIC_URL_FILE": "/etc/url"})
	if err == nil || err.Error() != "BRIDGE_PUBLIC_URL_FILE: only secrets are read from files; set BRIDGE_PUBLIC_URL itself" {
		t.Errorf("it is told %v", err)
	}
}
