package main

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

//go:generate go test -run TestTheReferenceIsCurrent -update .

// referenceFile is made from the table; `go generate ./cmd/devicebridge` makes it
// anew.
const referenceFile = "CONFIGURATION.md"

var updateReference = flag.Bool("update", false, "make "+referenceFile+" anew")

func TestTheReferenceIsCurrent(t *testing.T) {
	made := reference()
	if *updateReference {
		if err := os.WriteFile(referenceFile, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != made {
		t.Errorf("%s is stale: run `go generate ./cmd/devicebridge`", referenceFile)
	}
}

// TestTheReferenceHasEveryVariable: one row each, with the default, what it takes
// and whether it is secret.
func TestTheReferenceHasEveryVariable(t *testing.T) {
	rows := map[string][]string{}
	for line := range strings.Lines(reference()) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); strings.HasPrefix(line, "| `") {
			name := strings.Split(cells[0], "`")[1]
			if rows[name] != nil || len(cells) != 4 || cells[2] == "" {
				t.Errorf("row %q", line)
			}
			rows[name] = cells
		}
	}
	defaults := variableDefaults()
	if got, want := slices.Sorted(maps.Keys(rows)), slices.Sorted(maps.Keys(defaults)); !slices.Equal(got, want) {
		t.Fatalf("listed are\n%v, read are\n%v", got, want)
	}
	for name, cells := range rows {
		if secret := strings.HasSuffix(cells[0], "(secret)"); secret != slices.Contains(secrets(), name) {
			t.Errorf("%s is listed as secret: %t", name, secret)
		}
		if defaults[name] != "" && cells[1] != "`"+defaults[name]+"`" {
			t.Errorf("%s has the default %s, listed is %s", name, defaults[name], cells[1])
		}
	}
	for name, want := range map[string]string{
		"BRIDGE_DRAIN_TIMEOUT": "a duration such as 30s or 1h30m", "BRIDGE_WORKERS": "a whole number", "BRIDGE_POLL_JITTER": "a number such as 1.5",
		"BRIDGE_DISPATCH": `"on" or "paused"`, "BRIDGE_LOG_LEVEL": "debug, info, warn or error", "BRIDGE_PUBLIC_URL": "URL",
		"BRIDGE_ADMIN_ADDR": "host:port", "NATS_CREDS": "file", "BRIDGE_DATA_DIR": "directory", "NATS_URL": "nats://host:port, comma separated",
	} {
		if rows[name][2] != want {
			t.Errorf("%s is said to take %s, want %s", name, rows[name][2], want)
		}
	}
}
