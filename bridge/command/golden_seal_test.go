package command_test

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"devicebridge/events"
)

// sealFile of a version's folder holds the digest of each of its logs, as
// sha256sum writes it. A change that renames a member in the code and in every
// text of the repository at once would otherwise go unseen.
const sealFile = "SHA256SUMS"

// TestGoldenLogsAreSealed asks that no log of a version has changed. With -update
// it makes the events of the logs that are not sealed, and seals them; a sealed
// one it never writes.
func TestGoldenLogsAreSealed(t *testing.T) {
	update := flag.Lookup("update").Value.String() == "true"
	for _, folder := range goldenVersions(t) {
		sealed := seals(t, folder)
		for _, log := range goldenLogs(t, folder) {
			if name := filepath.Base(log.name); update && sealed[name] == "" {
				log.make(t)
				sealed[name] = digest(t, log.name)
			} else if sealed[name] != digest(t, log.name) {
				t.Errorf("%s is not as it was sealed: the log of a released version is kept as it is, see %s/README.md", log.name, goldenDir)
			}
		}
		for name := range sealed {
			if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
				t.Errorf("a sealed log is gone: %v", err)
			}
		}
		if update {
			writeSeals(t, folder, sealed)
		}
	}
	for _, log := range goldenLogs(t, goldenFuture()) {
		if update {
			log.make(t)
		}
	}
}

// make gives the inputs of a log the events that this version makes of them.
func (log goldenLog) make(t *testing.T) {
	t.Helper()
	var c events.Command
	for i, step := range log.Steps {
		if step.Input == nil {
			for _, kept := range step.Events {
				_, c = kept.decode(t)
			}
			continue
		}
		made := []goldenEvent{}
		for _, e := range step.Input.follow(t, c) {
			made, c = append(made, encodeEvent(t, e.Kind, e.Command)), e.Command
		}
		log.Steps[i].Events = made
	}
	if err := os.WriteFile(log.name, log.text(t), 0o644); err != nil {
		t.Fatal(err)
	}
}

// text gives the log as its file has it: a line for each input, header and record,
// and the record to the byte as the stream has it.
func (log goldenLog) text(t *testing.T) []byte {
	t.Helper()
	marshal := func(v any) []byte {
		text, err := events.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n\"about\": %s,\n\"steps\": [", marshal(log.About))
	for i, step := range log.Steps {
		b.WriteString(separator(i) + "\n{")
		if step.Input != nil {
			fmt.Fprintf(&b, "\"input\": %s,\n ", marshal(step.Input))
		}
		b.WriteString("\"events\": [")
		for j, e := range step.Events {
			fmt.Fprintf(&b, "%s\n  {\"kind\": %s,\n   \"header\": %s,\n   \"record\": %s}", separator(j), marshal(e.Kind), marshal(e.Header), events.Compact(e.Record))
		}
		b.WriteString("]}")
	}
	b.WriteString("\n]\n}\n")
	return b.Bytes()
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func digest(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// seals gives the digests by file name.
func seals(t *testing.T, folder string) map[string]string {
	t.Helper()
	sealed := map[string]string{}
	text, err := os.ReadFile(filepath.Join(folder, sealFile))
	if os.IsNotExist(err) {
		return sealed
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Fatalf("%s: %q", sealFile, line)
		}
		sealed[name] = sum
	}
	return sealed
}

func writeSeals(t *testing.T, folder string, sealed map[string]string) {
	t.Helper()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sealed)) {
		fmt.Fprintf(&b, "%s  %s\n", sealed[name], name)
	}
	if err := os.WriteFile(filepath.Join(folder, sealFile), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
