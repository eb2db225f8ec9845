package check

import (
	"context"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
)

const (
	job      = "devicebridge"
	instance = "bridge-0:8081"
	// step is the time between two scrapes, and two evaluations.
	step = 30 * time.Second
)

// series are the label sets of a scrape, without job and instance.
type series []labels.Labels

// store keeps scrapes as Prometheus would: the first of them for five minutes from
// begin, the second until end.
func store(t *testing.T, s scrapes, begin, end time.Time) (*teststorage.TestStorage, series) {
	t.Helper()
	db := teststorage.New(t)
	var all series
	for at := begin; !at.After(end); at = at.Add(step) {
		text := s.after
		if at.Before(begin.Add(5 * time.Minute)) {
			text = s.before
		}
		all = ingest(t, db, text, at)
	}
	return db, all
}

func ingest(t *testing.T, db storage.Storage, text []byte, at time.Time) series {
	t.Helper()
	p, err := textparse.New(text, "text/plain; version=0.0.4", labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all series
	app := db.Appender(t.Context())
	put := func(l labels.Labels, v float64) {
		b := labels.NewBuilder(l)
		b.Set("job", job)
		b.Set("instance", instance)
		if _, err := app.Append(0, b.Labels(), at.UnixMilli(), v); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	put(labels.FromStrings("__name__", "up"), 1)
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var l labels.Labels
		p.Labels(&l)
		_, _, v := p.Series()
		put(l, v)
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	return all
}

// values gives what a label of a metric may be.
func (s series) values(metric, label string) []string {
	found := map[string]bool{}
	for _, l := range s {
		if l.Get("__name__") == metric && l.Has(label) {
			found[l.Get(label)] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// faults says what an expression asks for that no bridge shows: a metric, a label,
// or a value of a label.
func (s series) faults(expr parser.Expr) []string {
	var faults []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		if len(s.values(selector.Name, "__name__")) == 0 {
			faults = append(faults, "there is no metric "+selector.Name)
			return nil
		}
		for _, m := range selector.LabelMatchers {
			switch m.Name {
			case "__name__", "job", "instance":
				continue
			}
			exist, values := s.values(selector.Name, m.Name), []string{regexp.QuoteMeta(m.Value)}
			if m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp {
				values = strings.Split(m.Value, "|")
			}
			for _, value := range values {
				if whole := regexp.MustCompile("^(?:" + value + ")$"); !slices.ContainsFunc(exist, whole.MatchString) {
					faults = append(faults, selector.Name+" has no "+m.Name+" "+value+", but "+strings.Join(exist, ", "))
				}
			}
		}
		return nil
	})
	return faults
}

func engine(t *testing.T) *promql.Engine {
	t.Helper()
	return promqltest.NewTestEngine(t, false, 5*time.Minute, 1_000_000)
}

func parse(t *testing.T, expr string) parser.Expr {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return parsed
}

// samples counts what an expression gives between two times.
func samples(ctx context.Context, e *promql.Engine, db storage.Queryable, expr string, begin, end time.Time) (int, error) {
	q, err := e.NewRangeQuery(ctx, db, nil, expr, begin, end, step)
	if err != nil {
		return 0, err
	}
	defer q.Close()
	result := q.Exec(ctx)
	matrix, err := result.Matrix()
	return matrix.TotalSamples(), err
}

// TestFaultsAreFound: what no bridge shows is not taken for what one does.
func TestFaultsAreFound(t *testing.T) {
	s := series{
		labels.FromStrings("__name__", "postbacks_total", "result", "accepted"),
		labels.FromStrings("__name__", "postbacks_total", "result", "badToken"),
	}
	for expr, want := range map[string]string{
		`rate(postbacks_total{result="accepted"}[1m])`:           "",
		`sum(postbacks_total{result=~"bad.*|accepted",job="x"})`: "",
		`sum(postbacks_total{result=~"badToken|panicked"})`:      "postbacks_total has no result panicked, but accepted, badToken",
		`postbacks_total{result!="acc"}`:                         "postbacks_total has no result acc, but accepted, badToken",
		`postbacks_total{outcome="accepted"}`:                    "postbacks_total has no outcome accepted, but ",
		`absent(postbacks_total) or callbacks_total > 1`:         "there is no metric callbacks_total",
	} {
		if got := strings.Join(s.faults(parse(t, expr)), "; "); got != want {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}
