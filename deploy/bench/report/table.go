package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Column is one of a table. Its cell is the median.
type Column struct {
	Title   string
	Measure Measure
	// Verb formats it, such as "%.1f".
	Verb string
	// Against makes it the ratio to this variant.
	Against string
	// Spread adds the least and the most; Most gives the most only.
	Spread, Most bool
}

// Table writes a row per variant. What was not measured is a dash.
func Table(w io.Writer, rounds Rounds, variants []string, columns []Column) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.Title
	}
	width := 0
	for _, v := range variants {
		width = max(width, len(v))
	}
	// Names stand left of numbers that stand right, which tabwriter cannot mix.
	line := func(name string, cells []string) error {
		_, err := fmt.Fprintf(t, "%-*s\t%s\t\n", width, name, strings.Join(cells, "\t"))
		return err
	}
	if err := line("", titles); err != nil {
		return err
	}
	for _, v := range variants {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = c.cell(rounds, v)
		}
		if err := line(v, cells); err != nil {
			return err
		}
	}
	return t.Flush()
}

func (c Column) cell(rounds Rounds, variant string) string {
	values := rounds.Values(variant, c.Measure)
	if c.Against != "" {
		values = rounds.Ratios(variant, c.Against, c.Measure)
	}
	if len(values) == 0 {
		return "-"
	}
	if c.Most {
		return fmt.Sprintf(c.Verb, values[len(values)-1])
	}
	text := fmt.Sprintf(c.Verb, Median(values))
	if c.Spread && len(values) > 1 {
		text += fmt.Sprintf(" ("+c.Verb+"–"+c.Verb+")", values[0], values[len(values)-1])
	}
	return text
}
