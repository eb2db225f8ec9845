package command_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

//go:generate go test -run TestLifecycleIsCurrent -update .

// lifecycleFile is drawn from the table; `go generate ./bridge/command` draws it anew.
const lifecycleFile = "LIFECYCLE.md"

func TestLifecycleIsCurrent(t *testing.T) {
	drawn := lifecycle()
	if update := flag.Lookup("update"); update.Value.String() == "true" {
		if err := os.WriteFile(lifecycleFile, []byte(drawn), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(lifecycleFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != drawn {
		t.Errorf("%s is stale: run `go generate ./bridge/command`", lifecycleFile)
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "draw "+lifecycleFile+" anew")
	flag.Parse()
	os.Exit(m.Run())
}

func lifecycle() string {
	var b strings.Builder
	b.WriteString("# The life of a command\n\n")
	b.WriteString("Drawn from the table in `table.go` by `go generate ./bridge/command`; a test fails when it is stale.\n\n")
	b.WriteString("```mermaid\n" + diagram() + "```\n\n")
	b.WriteString("`progress` stands for the statuses of Graph that are not terminal, `ended` for its terminal ones.\n\n")
	b.WriteString("## Every cell\n\n" + matrix())
	b.WriteString("\n## How late the end may come\n\nA command ends at `expiresAt` at the latest. The `timedOut` event may be stored later by " +
		"what Graph takes to answer a last question (15 s at most), by 30 s from when NATS answers again where it did not answer then, " +
		"by a lease where the sender died or could not store the outcome under a claim, and by the time to the next sweep where no timer stood. " +
		"From `expiresAt` on it is not claimed any more, whatever is late.\n")
	return b.String()
}

// group folds Graph's states into two, which keeps the drawing readable.
func group(s events.State) string {
	switch {
	case s == command.None:
		return "[*]"
	case isGraph(s) && s.Terminal():
		return "ended"
	case isGraph(s):
		return "progress"
	default:
		return string(s)
	}
}

func diagram() string {
	var edges []string
	labels := map[string][]string{}
	for _, s := range append([]events.State{command.None}, events.States()...) {
		for _, trigger := range command.Triggers() {
			outcome, to := command.Lookup(s, trigger)
			label := group(events.State(trigger))
			switch outcome {
			case command.Move:
			case command.Advance, command.Reopen, command.Contradict:
				to, label = events.State(trigger), string(outcome)
			default:
				continue
			}
			if outcome == command.Contradict {
				to = s
			}
			edge := "    " + group(s) + " --> " + group(to)
			if labels[edge] == nil {
				edges = append(edges, edge)
			}
			if !strings.Contains(","+strings.Join(labels[edge], ",")+",", ","+label+",") {
				labels[edge] = append(labels[edge], label)
			}
		}
	}
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for _, edge := range edges {
		fmt.Fprintf(&b, "%s: %s\n", edge, strings.Join(labels[edge], ", "))
	}
	return b.String()
}

func matrix() string {
	var b strings.Builder
	b.WriteString("| state | input: what happens |\n|---|---|\n")
	for _, s := range append([]events.State{command.None}, events.States()...) {
		var cells []string
		for _, trigger := range command.Triggers() {
			switch outcome, to := command.Lookup(s, trigger); outcome {
			case command.Ignore:
			case command.Move:
				if string(to) == string(trigger) {
					cells = append(cells, "**"+string(trigger)+"**")
				} else {
					cells = append(cells, fmt.Sprintf("%s → **%s**", trigger, to))
				}
			default:
				cells = append(cells, fmt.Sprintf("%s: %s", trigger, outcome))
			}
		}
		name := string(s)
		if s == command.None {
			name = "(no record)"
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, strings.Join(cells, "; "))
	}
	b.WriteString("\nIn bold: the state that follows. *advance*: when the status ranks higher, or equal and new in its round. " +
		"*reopen*: `retry`, in a new round, when this very report is new. *contradict*: a `conflict` event, when this status is new. " +
		"*respond*: a `response` event, while the command is under way for a payload that is new, after `completed` while the payload is awaited. " +
		"A report that brings a command out of `timedOut` may bring its payload too. What is not listed changes nothing.\n")
	return b.String()
}
