package command_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"devicebridge/events"
)

// goldenDir holds the golden logs; its README.md says what they are for.
const goldenDir = "testdata/golden"

// goldenLog is the life of one command: what happened to it, and the events that
// the version of its folder made of that.
type goldenLog struct {
	name  string
	About string       `json:"about"`
	Steps []goldenStep `json:"steps"`
}

// goldenStep is one input and its events. Without an input they were written by
// another version, and stand as they are.
type goldenStep struct {
	Input  *goldenInput  `json:"input,omitempty"`
	Events []goldenEvent `json:"events"`
}

// goldenEvent is an event as the stream holds it, but for the headers that the
// append adds.
type goldenEvent struct {
	Kind   events.Kind       `json:"kind"`
	Header map[string]string `json:"header"`
	Record json.RawMessage   `json:"record"`
}

// decode reads the event as a replica does that finds it in the stream.
func (e goldenEvent) decode(t *testing.T) (events.Kind, events.Command) {
	t.Helper()
	header := map[string][]string{}
	for name, value := range e.Header {
		header[name] = []string{value}
	}
	kind, c, err := events.Decode(header, events.Compact(e.Record))
	if err != nil {
		t.Fatal(err)
	}
	return kind, c
}

// encodeEvent gives the event of kind and c as a golden log keeps it.
func encodeEvent(t *testing.T, kind events.Kind, c events.Command) goldenEvent {
	t.Helper()
	header, body, err := events.Subjects{}.Encode(kind, c)
	if err != nil {
		t.Fatal(err)
	}
	e := goldenEvent{Kind: kind, Header: map[string]string{}, Record: body}
	for name, values := range header {
		e.Header[name] = strings.Join(values, ", ")
	}
	// The logs were sealed before the sequence had zeros in front, which readers take
	// either way.
	e.Header["ce-sequence"] = strings.TrimLeft(e.Header["ce-sequence"], "0")
	// And before the subject of a command without a device was without the empty segment.
	if c.DeviceID == "" {
		e.Header["ce-subject"] = "devices//" + e.Header["ce-subject"]
	}
	return e
}

// equal compares to the byte, but for the space between the record's tokens.
func (e goldenEvent) equal(other goldenEvent) bool {
	return e.Kind == other.Kind && maps.Equal(e.Header, other.Header) &&
		bytes.Equal(events.Compact(e.Record), events.Compact(other.Record))
}

func (e goldenEvent) String() string {
	var b strings.Builder
	b.WriteString(string(e.Kind) + " " + string(events.Compact(e.Record)))
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		b.WriteString("\n  " + name + ": " + e.Header[name])
	}
	return b.String()
}

// goldenVersions gives the folders of logs that a version of the bridge wrote.
func goldenVersions(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(goldenDir, "v*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no golden logs: %v", err)
	}
	return folders
}

// goldenFuture is the folder of logs as a newer version might write them.
func goldenFuture() string { return filepath.Join(goldenDir, "future") }

// goldenLogs reads the logs of the folders.
func goldenLogs(t *testing.T, folders ...string) []goldenLog {
	t.Helper()
	var logs []goldenLog
	for _, folder := range folders {
		names, err := filepath.Glob(filepath.Join(folder, "*.json"))
		if err != nil || len(names) == 0 {
			t.Fatalf("no logs in %s: %v", folder, err)
		}
		for _, name := range names {
			logs = append(logs, goldenLogOf(t, name))
		}
	}
	return logs
}

func goldenLogOf(t *testing.T, name string) goldenLog {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	log := goldenLog{name: name}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&log); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(log.Steps) == 0 {
		t.Fatalf("%s: no steps", name)
	}
	return log
}
