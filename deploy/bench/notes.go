package main

import (
	"fmt"
	"slices"

	"devicebridge/deploy/bench/report"
)

const (
	// busyLimit is the share of the generator's cores, in percent, from which on it
	// may be what is measured.
	busyLimit = 90
	// ownLimit is the share that it has to have itself.
	ownLimit = 40
	// quietLimit is the share of all cores, in percent, that others may use before the
	// numbers are theirs too.
	quietLimit = 5
)

// notes are what a reader has to know beside the tables.
func (s *suite) notes() []string {
	var notes []string
	var loud []float64
	busiest := map[string]report.Round{}
	for _, r := range s.rounds {
		for _, note := range r.Notes {
			notes = append(notes, fmt.Sprintf("%s: %s, round %d: %s", r.Part, r.Variant, r.Number, note))
		}
		if share, measured := r.Values[others]; measured {
			loud = append(loud, share)
		}
		name := r.Part + ": " + r.Variant
		// A generator that had little of a busy core waited for the server, or for others
		// of whom the last note speaks.
		if r.Values[generator] > ownLimit && r.Values[generatorBusy] > max(busyLimit, busiest[name].Values[generatorBusy]) {
			busiest[name] = r
		}
	}
	for _, v := range slices.Concat(postbackVariants(), commandVariants()) {
		name := v.part + ": " + v.name
		if r, busy := busiest[name]; busy {
			notes = append(notes, fmt.Sprintf("%s, round %d: the generator's cores were %.0f %% busy, the generator had %.0f %%: it may be what was measured",
				name, r.Number, r.Values[generatorBusy], r.Values[generator]))
		}
	}
	slices.Sort(loud)
	if median := report.Median(loud); median > quietLimit {
		notes = append(notes, fmt.Sprintf("other processes used %.0f %% of the cores (median, at most %.0f %%): the machine was not quiet, measure again",
			median, loud[len(loud)-1]))
	}
	return notes
}
