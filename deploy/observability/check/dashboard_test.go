package check

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// dashboard is what is checked of the file.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct{ Expr string }
}

// written gives an expression as Grafana would send it.
func written(expr string) string {
	return strings.NewReplacer("$__rate_interval", "2m", "$instance", ".*").Replace(expr)
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile("../dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// checkDashboard runs every query of the dashboard over the scrapes.
func checkDashboard(t *testing.T, s scrapes) {
	d, e, begin := readDashboard(t), engine(t), time.Now()
	end := begin.Add(10 * time.Minute)
	db, all := store(t, s, begin, end)
	queries := 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			queries++
			expr := written(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: %s has a variable that the dashboard does not have", p.Title, target.Expr)
				continue
			}
			for _, fault := range all.faults(parse(t, expr)) {
				t.Errorf("%s: %s: %s", p.Title, target.Expr, fault)
			}
			if n, err := samples(t.Context(), e, db, expr, begin, end); err != nil || n == 0 {
				t.Errorf("%s: %s gives %d samples (%v)", p.Title, target.Expr, n, err)
			}
		}
	}
	if queries < 30 {
		t.Errorf("the dashboard has %d queries", queries)
	}
	for _, v := range d.Templating.List {
		query, ok := v.Query.(map[string]any)
		if !ok {
			continue
		}
		text, _ := query["query"].(string)
		if m := regexp.MustCompile(`^label_values\((\w+), instance\)$`).FindStringSubmatch(text); m == nil || len(all.values(m[1], "__name__")) == 0 {
			t.Errorf("the variable %s asks for %v", v.Name, text)
		}
	}
}

// TestDashboardLayout: no panel covers another, and none is wider than the page.
func TestDashboardLayout(t *testing.T) {
	d := readDashboard(t)
	if d.UID == "" || d.Title == "" {
		t.Errorf("uid %q, title %q", d.UID, d.Title)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s has the id %d of another", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W < 1 || p.GridPos.H < 1 {
			t.Errorf("%s is at %+v", p.Title, p.GridPos)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, is := taken[cell]; is {
					t.Fatalf("%s covers %s", p.Title, other)
				}
				taken[cell] = p.Title
			}
		}
	}
}
