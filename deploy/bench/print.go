package main

import (
	"fmt"
	"io"
	"slices"

	"devicebridge/deploy/bench/report"
)

// print writes the header, a table per part, the notes and the figures.
func (s *suite) print(w io.Writer, header []string) error {
	for _, line := range header {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	for _, t := range tables(s.options) {
		rounds := s.rounds.Of(t.part)
		variants := rounds.Variants(names(t.part))
		if len(variants) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "\n%s\n", t.title); err != nil {
			return err
		}
		if err := report.Table(w, rounds, variants, t.columns); err != nil {
			return err
		}
	}
	for _, note := range s.notes() {
		if _, err := fmt.Fprintln(w, "NOTE", note); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return report.Figures(w, s.rounds, figures())
}

func names(part string) []string {
	var names []string
	for _, v := range slices.Concat(postbackVariants(), commandVariants(), idleVariants()) {
		if v.part == part {
			names = append(names, v.name)
		}
	}
	return names
}

type table struct {
	part, title string
	columns     []report.Column
}

func tables(o options) []table {
	noise := []report.Column{
		{Title: "server %", Measure: serverBusy, Verb: "%.0f"}, {Title: "generator %", Measure: generator, Verb: "%.0f"},
		{Title: "others %", Measure: others, Verb: "%.1f"}, {Title: "max", Measure: others, Verb: "%.1f", Most: true},
		{Title: "steal %", Measure: steal, Verb: "%.1f"}, {Title: "max", Measure: steal, Verb: "%.1f", Most: true},
	}
	return []table{
		{partPostback, "postbacks, closed loop: medians (least–most)", slices.Concat([]report.Column{
			{Title: "requests/s", Measure: rate, Verb: "%.0f", Spread: true},
			{Title: "of floor", Measure: rate, Verb: "%.2f", Against: floorName},
			{Title: "CPU s/1,000", Measure: cpuPer1000, Verb: "%.3f", Spread: true},
			{Title: "p50 ms", Measure: p50, Verb: "%.2f"}, {Title: "p99 ms", Measure: p99, Verb: "%.2f"},
		}, noise)},
		{partPostback, fmt.Sprintf("postbacks at a constant rate, latency from when each was meant to be sent: %.0f/s, and half of the closed loop's", o.rate), []report.Column{
			{Title: "p50 ms", Measure: fixedP50, Verb: "%.2f", Spread: true}, {Title: "p99 ms", Measure: fixedP99, Verb: "%.2f", Spread: true},
			{Title: "half p50 ms", Measure: halfP50, Verb: "%.2f", Spread: true}, {Title: "half p99 ms", Measure: halfP99, Verb: "%.2f", Spread: true},
			{Title: "ready ms", Measure: ready, Verb: "%.0f"}, {Title: "MB ready", Measure: memoryReady, Verb: "%.1f"}, {Title: "MB after", Measure: memoryEnd, Verb: "%.1f"},
		}},
		{partCommand, fmt.Sprintf("commands, closed loop: request to receipt, and to the event after Graph's answer; the floor stores nothing, the bridge %d events each", eventsPerCommand), slices.Concat([]report.Column{
			{Title: "commands/s", Measure: rate, Verb: "%.0f", Spread: true},
			{Title: "of floor", Measure: rate, Verb: "%.2f", Against: forwardName},
			{Title: "CPU s/1,000", Measure: cpuPer1000, Verb: "%.3f"},
			{Title: "receipt p50", Measure: p50, Verb: "%.2f"}, {Title: "p99 ms", Measure: p99, Verb: "%.2f"},
			{Title: "event p50", Measure: doneP50, Verb: "%.2f"}, {Title: "p99 ms", Measure: doneP99, Verb: "%.2f"},
			{Title: "MB after", Measure: memoryEnd, Verb: "%.1f"},
		}, noise)},
		{partIdle, fmt.Sprintf("idle for %s, empty store", o.idle), []report.Column{
			{Title: "ready ms", Measure: ready, Verb: "%.0f", Spread: true}, {Title: "CPU s", Measure: idleCPU, Verb: "%.2f", Spread: true},
			{Title: "MB", Measure: memoryEnd, Verb: "%.1f", Spread: true}, {Title: "anonymous", Measure: memoryAnon, Verb: "%.1f"},
			{Title: "of files", Measure: memoryFile, Verb: "%.1f"}, {Title: "binary MB", Measure: binarySize, Verb: "%.1f"}, {Title: "steal %", Measure: steal, Verb: "%.1f"},
		}},
	}
}
