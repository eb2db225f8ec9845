package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"devicebridge/deploy/bench/report"
)

// TestMain is the benchmark's servers when it is started as one: a benchmark
// starts its own binary, which in a test is this one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == serveCommand {
		if err := serve(context.Background(), os.Args[2]); err != nil {
			panic(err)
		}
		return
	}
	m.Run()
}

// TestEveryVariantIsMeasured runs all of them for a moment. That every postback
// that was answered well is stored, and every command sent once, is checked by the
// run itself, which else fails.
func TestEveryVariantIsMeasured(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "raw.json")
	var out, progress bytes.Buffer
	if err := run([]string{"-rounds", "1", "-for", "200ms", "-warm", "100ms", "-idle", "200ms", "-conns", "8", "-rate", "100", "-dir", dir, "-json", file}, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var raw struct{ Rounds report.Rounds }
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	for part, measures := range map[string][]report.Measure{
		partPostback: {ready, rate, cpuPer1000, p50, p99, fixedP50, fixedP99, halfP50, halfP99, memoryReady, memoryEnd, steal},
		partCommand:  {rate, cpuPer1000, p50, p99, memoryEnd, steal},
		partIdle:     {ready, memoryEnd, memoryAnon, binarySize, idleCPU},
	} {
		for _, name := range names(part) {
			for _, m := range measures {
				values := raw.Rounds.Of(part).Values(name, m)
				// In 200 ms a server may use less CPU time than is counted, and nothing may be stolen.
				if len(values) != 1 || values[0] <= 0 && m != cpuPer1000 && m != idleCPU && m != steal {
					t.Errorf("%s: %s: %s is %v", part, name, m, values)
				}
			}
		}
	}
	for _, f := range figures() {
		if !strings.Contains(out.String(), f.Title) {
			t.Errorf("figure %q is missing in\n%s", f.Title, &out)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "devicebridge-bench-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q (%v)", left, err)
	}
}

func TestOptions(t *testing.T) {
	o, err := parseOptions([]string{"-part", "idle", "-only", "always"}, new(bytes.Buffer))
	if err != nil || len(o.parts) != 1 || o.parts[0] != partIdle || !o.only.MatchString(alwaysName) || o.measured != 4*time.Second {
		t.Errorf("options are %+v (%v)", o, err)
	}
	for _, args := range [][]string{{"-part", "none"}, {"-rounds", "0"}, {"-only", "("}, {"more"}, {"-for", "-1s"}} {
		if _, err := parseOptions(args, new(bytes.Buffer)); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
