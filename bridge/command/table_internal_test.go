package command

import (
	"slices"
	"testing"

	"devicebridge/events"
)

func TestNoCellIsListedTwice(t *testing.T) {
	for _, s := range append([]events.State{None}, events.States()...) {
		for _, trigger := range Triggers() {
			rules := 0
			for _, r := range table() {
				if slices.Contains(r.from, s) && slices.Contains(r.on, trigger) {
					rules++
				}
			}
			if rules > 1 {
				t.Errorf("%q x %q stands in %d rules: which one counts would depend on their order", s, trigger, rules)
			}
		}
	}
}
