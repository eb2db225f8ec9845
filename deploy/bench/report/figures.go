package report

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Figure is a number that is held against a bound, or told as it is.
type Figure struct {
	Title, Part, Variant string
	Measure              Measure
	// Against makes it the ratio to this variant.
	Against string
	// AtLeast is what it has to reach, Aim what it should; without them it is told
	// only. Less turns both around.
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
		median := Median(values)
		_, err := fmt.Fprintf(t, "%s\t%s\t%s–%s\t%s\t%s\t%s\n", f.Title, f.show(median),
			f.show(values[0]), f.show(values[len(values)-1]), f.bound(f.AtLeast), f.bound(f.Aim), f.verdict(median))
		if err != nil {
			return err
		}
	}
	return t.Flush()
}

func (f Figure) show(v float64) string { return fmt.Sprintf(f.Verb, v) }

func (f Figure) bound(v float64) string {
	switch {
	case v == 0:
		return "-"
	case f.Less:
		return "≤ " + f.show(v)
	default:
		return f.show(v)
	}
}

func (f Figure) verdict(v float64) string {
	reaches := func(bound float64) bool { return f.Less && v <= bound || !f.Less && v >= bound }
	switch {
	case f.AtLeast == 0:
		return ""
	case reaches(f.Aim):
		return "aim reached"
	case reaches(f.AtLeast):
		return "reached"
	default:
		return "MISSED"
	}
}
