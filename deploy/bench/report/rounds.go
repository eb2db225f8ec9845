package report

import "slices"

// Measure names what was measured.
type Measure string

// Round is what one round of one variant gave.
type Round struct {
	Part    string              `json:"part"`
	Variant string              `json:"variant"`
	Number  int                 `json:"round"`
	Values  map[Measure]float64 `json:"values"`
	// Notes are what a reader has to know beside the numbers.
	Notes []string `json:"notes,omitempty"`
}

// Rounds are all of a run.
type Rounds []Round

// Of gives the rounds of one part.
func (r Rounds) Of(part string) Rounds {
	return slices.DeleteFunc(slices.Clone(r), func(one Round) bool { return one.Part != part })
}

// Variants lists the variants in the order of names.
func (r Rounds) Variants(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.ContainsFunc(r, func(one Round) bool { return one.Variant == name })
	})
}

// Values gives what was measured of a variant, sorted.
func (r Rounds) Values(variant string, m Measure) []float64 {
	var values []float64
	for _, one := range r {
		if v, has := one.Values[m]; has && one.Variant == variant {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values
}

// Ratios gives a variant's measure over that of another in the same round, sorted.
func (r Rounds) Ratios(variant, against string, m Measure) []float64 {
	base := map[int]float64{}
	for _, one := range r {
		if v := one.Values[m]; one.Variant == against && v > 0 {
			base[one.Number] = v
		}
	}
	var ratios []float64
	for _, one := range r {
		if v, has := one.Values[m]; has && one.Variant == variant && base[one.Number] > 0 {
			ratios = append(ratios, v/base[one.Number])
		}
	}
	slices.Sort(ratios)
	return ratios
}

// Median gives the middle of sorted values, or the mean of the two that are in the
// middle; 0 of none.
func Median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
