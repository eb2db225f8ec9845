package events_test

import (
	"slices"
	"strings"
	"testing"

	"devicebridge/events"
)

func TestStates(t *testing.T) {
	// Whether each state ends a command; the list of Graph's statuses is the one
	// of its get-device-command-status page.
	bridge := map[events.State]bool{
		"accepted": false, "sending": false, "deferred": false, "outcomeUnknown": false, "registered": false,
		"rejected": true, "timedOut": true, "erased": true,
	}
	graph := map[events.State]bool{
		"requesting": false, "sentToTarget": false, "executing": false, "retry": false, "custom": false, "cancel": false,
		"cancelling": false,
		"completed":  true, "failedToSend": true, "executionFailed": true, "commandDropped": true, "canceled": true,
		"expired": true, "error": true,
	}
	for name, c := range map[string]struct {
		got  []events.State
		want map[events.State]bool
	}{"bridge": {events.BridgeStates(), bridge}, "graph": {events.GraphStates(), graph}} {
		if len(c.got) != len(c.want) {
			t.Errorf("%s: %d states, want %d", name, len(c.got), len(c.want))
		}
		for _, s := range c.got {
			if terminal, known := c.want[s]; !known || s.Terminal() != terminal {
				t.Errorf("%s: state %s, known %t, terminal %t", name, s, known, s.Terminal())
			}
		}
	}
	if !slices.Equal(events.States(), append(events.BridgeStates(), events.GraphStates()...)) {
		t.Errorf("states %v", events.States())
	}
	if events.State("").Terminal() || events.State("Completed").Terminal() {
		t.Error("a text that is no state is terminal")
	}
}

func TestKinds(t *testing.T) {
	kinds := events.Kinds()
	if len(kinds) != len(events.States())+3 {
		t.Errorf("%d kinds", len(kinds))
	}
	seen := make(map[events.Kind]bool)
	for _, kind := range kinds {
		if seen[kind] || strings.ContainsAny(string(kind), ".*> %") {
			t.Errorf("kind %q comes twice or is no token", kind)
		}
		seen[kind] = true
	}
	for _, s := range events.States() {
		if !seen[events.KindOf(s)] || string(events.KindOf(s)) != string(s) {
			t.Errorf("state %s has the kind %s", s, events.KindOf(s))
		}
	}
	for _, kind := range []events.Kind{events.KindResponse, events.KindLinked, events.KindConflict} {
		if !seen[kind] || slices.Contains(events.States(), events.State(kind)) {
			t.Errorf("kind %s is missing, or a state", kind)
		}
	}
}

func TestListsAreFresh(t *testing.T) {
	events.GraphStates()[0] = "changed"
	events.BridgeStates()[0] = "changed"
	events.Kinds()[0] = "changed"
	if events.GraphStates()[0] != events.StateRequesting || events.States()[0] != events.StateAccepted || events.Kinds()[0] != "accepted" {
		t.Error("a caller can change the lists")
	}
}

func TestStateOfStatus(t *testing.T) {
	for _, s := range events.GraphStates() {
		text := string(s)
		for _, spelling := range []string{text, strings.ToUpper(text), strings.ToLower(text), strings.ToUpper(text[:1]) + text[1:]} {
			if got := events.StateOfStatus(spelling); got != s {
				t.Errorf("%s is %s, want %s", spelling, got, s)
			}
		}
	}
	// The bridge's own states are no statuses: Graph cannot set them.
	for _, s := range events.BridgeStates() {
		if got := events.StateOfStatus(string(s)); got != events.StateCustom {
			t.Errorf("%s is %s", s, got)
		}
	}
	for _, text := range []string{"", "dancing", "complete", "not completed", "response", "42"} {
		if got := events.StateOfStatus(text); got != events.StateCustom {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestStateOfStatusInOtherSpellings(t *testing.T) {
	for text, want := range map[string]events.State{
		"cancelled": events.StateCanceled, "Cancelled": events.StateCanceled, "canceling": events.StateCancelling,
		" completed": events.StateCompleted, "completed ": events.StateCompleted, "\tCompleted.\n": events.StateCompleted, "completed\u200b": events.StateCompleted,
		"sent_to_target": events.StateSentToTarget, "Failed To Send": events.StateFailedToSend, "Execution-Failed": events.StateExecutionFailed,
	} {
		if got := events.StateOfStatus(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func TestEnded(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		response events.Response
		want     bool
	}{
		{false, events.ResponseNone, false}, {false, events.ResponsePending, false}, {false, events.ResponseStored, false},
		{true, events.ResponseNone, true}, {true, events.ResponsePending, false}, {true, events.ResponseStored, true},
		{true, events.ResponseFailed, true},
	} {
		if got := (events.Command{Terminal: c.terminal, Response: c.response}).Ended(); got != c.want {
			t.Errorf("terminal %t, response %s: ended %t", c.terminal, c.response, got)
		}
	}
	if got := (events.Command{ID: "x", Sequence: 17}).EventID(); got != "x.17" {
		t.Errorf("event id %s", got)
	}
}
