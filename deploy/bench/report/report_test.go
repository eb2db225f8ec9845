package report

import (
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{0: nil, 3: {3}, 2.5: {1, 2, 3, 9}, 5: {1, 5, 100}} {
		if got := Median(values); got != want {
			t.Errorf("the median of %v is %v", values, got)
		}
	}
}

func sample() Rounds {
	var all Rounds
	for i, floor := range []float64{100, 50, 200} { // the machine's speed changes from round to round
		all = append(all,
			Round{Part: "p", Variant: "floor", Number: i + 1, Values: map[Measure]float64{"rate": floor}},
			Round{Part: "p", Variant: "bridge", Number: i + 1, Values: map[Measure]float64{"rate": floor / 4, "p50": float64(3 - i)}},
			Round{Part: "other", Variant: "bridge", Number: i + 1, Values: map[Measure]float64{"rate": 1}})
	}
	return all
}

func TestRatiosAreOfOneRound(t *testing.T) {
	rounds := sample().Of("p")
	if got := rounds.Ratios("bridge", "floor", "rate"); !slices.Equal(got, []float64{.25, .25, .25}) {
		t.Errorf("ratios are %v", got)
	}
	if got := rounds.Ratios("bridge", "floor", "p50"); got != nil {
		t.Errorf("ratios to what was not measured are %v", got)
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	rounds := sample().Of("p")
	err := Table(&out, rounds, rounds.Variants([]string{"floor", "missing", "bridge"}), []Column{
		{Title: "rate", Measure: "rate", Verb: "%.0f", Spread: true}, {Title: "of floor", Measure: "rate", Verb: "%.2f", Against: "floor"},
		{Title: "p50", Measure: "p50", Verb: "%.1f"}, {Title: "max", Measure: "p50", Verb: "%.1f", Most: true},
	})
	want := `
                  rate  of floor  p50  max
  floor   100 (50–200)      1.00    -    -
  bridge    25 (12–50)      0.25  2.0  3.0
`
	if err != nil || "\n"+out.String() != want {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestFigures(t *testing.T) {
	var out strings.Builder
	err := Figures(&out, sample(), []Figure{
		{Title: "share", Part: "p", Variant: "bridge", Measure: "rate", Against: "floor", AtLeast: .2, Aim: .3, Verb: "%.2f"},
		{Title: "slow", Part: "p", Variant: "bridge", Measure: "p50", AtLeast: 1.5, Aim: 1, Less: true, Verb: "%.1f ms"},
		{Title: "quick", Part: "p", Variant: "bridge", Measure: "p50", AtLeast: 5, Aim: 2, Less: true, Verb: "%.1f ms"},
		{Title: "told", Part: "p", Variant: "bridge", Measure: "p50", Verb: "%.1f ms"},
		{Title: "unknown", Part: "p", Variant: "nobody", Measure: "p50", Verb: "%.1f"},
	})
	want := `
figure  median  least–most     at least  aim       
share   0.25    0.25–0.25      0.20      0.30      reached
slow    2.0 ms  1.0 ms–3.0 ms  ≤ 1.5 ms  ≤ 1.0 ms  MISSED
quick   2.0 ms  1.0 ms–3.0 ms  ≤ 5.0 ms  ≤ 2.0 ms  aim reached
told    2.0 ms  1.0 ms–3.0 ms  -         -         
`
	if err != nil || "\n"+out.String() != want {
		t.Errorf("%v\n%s", err, &out)
	}
}
