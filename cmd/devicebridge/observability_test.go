package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"devicebridge/bridge/graph/signin"
)

// TestWhatIsWatchedExists: every metric that the dashboard, the alerts or their page
// name is one. Their queries are run by the tests in deploy/observability/check.
func TestWhatIsWatchedExists(t *testing.T) {
	m := newMetrics(readBuild())
	m.watchSignIn(func() signin.Status { return signin.Status{TokenExpires: time.Unix(1, 0)} })
	m.nats.hooks().Filled("DEVICEBRIDGE_V1_EVENTS", 0)
	m.consumer("dispatch")
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	exist := map[string]bool{}
	for _, f := range families {
		exist[f.GetName()] = true
		if f.GetMetric()[0].GetHistogram() != nil {
			for _, part := range []string{"_bucket", "_count", "_sum"} {
				exist[f.GetName()+part] = true
			}
		}
	}
	for _, name := range []string{"dashboard.json", "alerts.yaml", "README.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "observability", name))
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile(`devicebridge_[a-z_]+`).FindAllString(string(text), -1)
		if len(named) < 15 {
			t.Errorf("%s names %d metrics", name, len(named))
		}
		for _, metric := range named {
			if !exist[metric] {
				t.Errorf("%s names %s, which is no metric", name, metric)
			}
		}
	}
}
