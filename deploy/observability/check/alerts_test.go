package check

import (
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
)

// alerts gives the rules of the file, which Prometheus would load.
func alerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	text, err := os.ReadFile("../alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	groups, faults := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var list []rulefmt.Rule
	for _, g := range groups.Groups {
		list = append(list, g.Rules...)
	}
	return list
}

// firing evaluates a rule between two times and gives the alerts that fired at any
// of them.
func firing(t *testing.T, e *promql.Engine, db storage.Queryable, r rulefmt.Rule, begin, end time.Time) []*rules.Alert {
	t.Helper()
	rule := rules.NewAlertingRule(r.Alert, parse(t, r.Expr), time.Duration(r.For), time.Duration(r.KeepFiringFor),
		labels.FromMap(r.Labels), labels.FromMap(r.Annotations), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
	var fired []*rules.Alert
	for at := begin; !at.After(end); at = at.Add(step) {
		if _, err := rule.Eval(t.Context(), 0, at, rules.EngineQueryFunc(e, db), &url.URL{}, 0); err != nil {
			t.Fatalf("%s: %v", r.Alert, err)
		}
		for _, a := range rule.ActiveAlerts() {
			if a.State == rules.StateFiring {
				fired = append(fired, a)
			}
		}
	}
	return fired
}

// checkAlerts holds the rules against the scrapes of a bridge that is well: each
// asks for what is there, and none fires.
func checkAlerts(t *testing.T, s scrapes) {
	e, begin := engine(t), time.Now()
	end := begin.Add(50 * time.Minute)
	db, all := store(t, s, begin, end)
	for _, r := range alerts(t) {
		for _, fault := range all.faults(parse(t, r.Expr)) {
			t.Errorf("%s: %s", r.Alert, fault)
		}
		for _, a := range firing(t, e, db, r, begin, end) {
			t.Errorf("%s fires over a bridge that is well: %s", r.Alert, a.Annotations)
			break
		}
	}
	for _, c := range cases() {
		for line := range strings.Lines(c.series) {
			selector := line[:strings.LastIndexByte(line, '}')+1]
			for _, fault := range all.faults(parse(t, selector)) {
				t.Errorf("%s is shown to fire by what no bridge shows: %s", c.alert, fault)
			}
		}
	}
}

// TestAlertsFire makes each alert fire on series made for it, in words that are
// whole.
func TestAlertsFire(t *testing.T) {
	e, tried := engine(t), map[string]bool{}
	list := alerts(t)
	for _, c := range cases() {
		tried[c.alert] = true
		i := slices.IndexFunc(list, func(r rulefmt.Rule) bool { return r.Alert == c.alert })
		if i < 0 {
			t.Errorf("there is no alert %s", c.alert)
			continue
		}
		load := "load 30s\n"
		for line := range strings.Lines(c.series) {
			load += " " + strings.TrimSpace(line) + "\n"
		}
		db := promqltest.LoadedStorage(t, load)
		end := time.Unix(0, 0).Add(c.at)
		fired := firing(t, e, db, list[i], end.Add(-time.Duration(list[i].For)-time.Hour), end)
		if len(fired) == 0 {
			t.Errorf("%s does not fire", c.alert)
			continue
		}
		a := fired[len(fired)-1]
		for name, want := range c.labels {
			if got := a.Labels.Get(name); got != want {
				t.Errorf("%s: the label %s is %q, want %q", c.alert, name, got, want)
			}
		}
		a.Annotations.Range(func(l labels.Label) {
			if strings.Contains(l.Value, "<") && strings.Contains(l.Value, "error") || strings.Contains(l.Value, "<no value>") {
				t.Errorf("%s: %s is %q", c.alert, l.Name, l.Value)
			}
		})
	}
	for _, r := range list {
		if !tried[r.Alert] {
			t.Errorf("nothing shows that %s can fire", r.Alert)
		}
	}
}

// TestAlertsTellWhatToDo: whom an alert wakes finds in it what is the matter, what
// it means, and what to do.
func TestAlertsTellWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range alerts(t) {
		if seen[r.Alert] {
			t.Errorf("there are two alerts %s", r.Alert)
		}
		seen[r.Alert] = true
		if !strings.HasPrefix(r.Alert, "Devicebridge") {
			t.Errorf("%s does not name the product", r.Alert)
		}
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		for _, name := range []string{"summary", "description", "runbook"} {
			if r.Annotations[name] == "" {
				t.Errorf("%s has no %s", r.Alert, name)
			}
		}
	}
	if !seen["DevicebridgeNATSDisconnected"] {
		t.Error("no alert tells that NATS is away")
	}
}
