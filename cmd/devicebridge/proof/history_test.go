package proof

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"devicebridge/events"
)

// report fails the test for each violation, with the history of its command.
func report(t testing.TB, b books, record []event, violations []violation) {
	t.Helper()
	shown := map[string]bool{}
	for _, v := range violations {
		t.Errorf("%s: command %s: %s", v.Law, v.Command, v.Detail)
		if !shown[v.Command] {
			t.Log(history(b, record, v.Command))
		}
		shown[v.Command] = true
	}
}

// history is everything that is known of a command, in the order of time.
func history(b books, record []event, command string) string {
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	for _, e := range record {
		if c := e.Command; c.ID == command {
			text := fmt.Sprintf("event %d %s by %s, attempt %d, stream sequence %d", c.Sequence, e.Kind, c.Source, c.Attempt, e.Sequence)
			if c.Error != nil {
				text += fmt.Sprintf(", error %s: %s", c.Error.Code, c.Error.Message)
			}
			lines = append(lines, line{e.At, text})
		}
	}
	for _, p := range b.Posts {
		if p.Command == command {
			lines = append(lines, line{p.At, fmt.Sprintf("POST to Graph, answered %d, Retry-After %v", p.Status, p.RetryAfter)})
		}
	}
	for _, p := range b.Postbacks {
		if p.Command == command {
			status := "what is no postback"
			if list, err := events.ParseObservations(p.Body); err == nil {
				status = list[0].Status
			}
			lines = append(lines, line{p.At, fmt.Sprintf("postback %s to replica %d, answered %d", status, p.Replica, p.Status)})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "history of %s:", cmp.Or(command, "no command"))
	for _, l := range lines {
		_, _ = fmt.Fprintf(&text, "\n  %s  %s", l.at.Local().Format("15:04:05.000"), l.text)
	}
	return text.String()
}
