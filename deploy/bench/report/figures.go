package report

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Figure is a number that is held against a bound.
type Figure struct {
	Title, Part, Variant string
	Measure              Measure
	// Against makes it the ratio to this variant.
	Against string
	// AtLeast is what it has to reach, Aim what it should. Less turns both around.
	AtLeast, Aim float64
	Less         bool
	// Verb formats all three, such as "%.2fx".
	Verb string
}

// Figures writes a row per figure that was measured.
func Figures(w io.Writer, rounds Rounds, figures []Figure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(t, "figure\tmedian\tleast–most\tat least\taim\t"); err != nil {
		return err
	}
	for _, f := range figures {
		of := rounds.Of(f.Part)
		values := of.Values(f.Variant, f.Measure)
		if f.Against != "" {
			values = of.Ratios(f.Variant, f.Against, f.Measure)
		}
		if len(values) == 0 {
			continue
		}
		median, show := Median(values), func(v float64) string { return fmt.Sprintf(f.Verb, v) }
		bound := ""
		if f.Less {
			bound = "≤ "
		}
		_, err := fmt.Fprintf(t, "%s\t%s\t%s–%s\t%s\t%s\t%s\n", f.Title, show(median),
			show(values[0]), show(values[len(values)-1]), bound+show(f.AtLeast), bound+show(f.Aim), f.verdict(median))
		if err != nil {
			return err
		}
	}
	return t.Flush()
}

func (f Figure) verdict(v float64) string {
	reaches := func(bound float64) bool { return f.Less && v <= bound || !f.Less && v >= bound }
	switch {
	case reaches(f.Aim):
		return "aim reached"
	case reaches(f.AtLeast):
		return "reached"
	default:
		return "MISSED"
	}
}
