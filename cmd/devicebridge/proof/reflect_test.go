package proof

import (
	"fmt"

	"devicebridge/events"
)

// checkPostbacks: what a postback that was answered with 2xx said is in its
// command's record, or something that stands above it.
func checkPostbacks(postbacks []postback, timelines map[string][]event) []violation {
	var found []violation
	told := map[violation]bool{} // once for each, however often it was delivered
	for _, p := range postbacks {
		if p.Status < 200 || p.Status > 299 {
			continue
		}
		observations, err := events.ParseObservations(p.Body)
		if err != nil {
			found = append(found, violation{unreflected, p.Command, fmt.Sprintf("answered %d to what is no postback: %v", p.Status, err)})
			continue
		}
		for _, o := range observations {
			if missing := unseen(o, timelines[p.Command]); missing != "" {
				v := violation{unreflected, p.Command, fmt.Sprintf("a postback was answered with %d, and %s", p.Status, missing)}
				if !told[v] {
					found = append(found, v)
				}
				told[v] = true
			}
		}
	}
	return found
}

// unseen says what of an observation the timeline does not show; empty when it
// shows all.
func unseen(o events.Observation, timeline []event) string {
	if len(timeline) == 0 {
		return "there is no such command"
	}
	last := timeline[len(timeline)-1].Command
	if o.GraphID != "" && last.GraphID != o.GraphID {
		return fmt.Sprintf("Graph's id is %q in the record", last.GraphID)
	}
	if o.Status == "" {
		return ""
	}
	status := events.StateOfStatus(o.Status)
	if status.Terminal() && !settled(last.State) {
		return fmt.Sprintf("it said %s, and the command is %s", status, last.State)
	}
	for _, e := range timeline {
		if shows(e, status) {
			return ""
		}
	}
	return "no event shows or supersedes its status " + string(status)
}

// settled says that a command has an end that Graph's ends do not supersede.
func settled(s events.State) bool { return s.Terminal() && s != events.StateTimedOut }

// shows says whether e is the event of status, or one after which status changes
// nothing: a conflict that names it, a higher or equal rank of the same round, an
// end. A retry is superseded by an end only, an end by none.
func shows(e event, status events.State) bool {
	named := events.StateOfStatus(e.Command.GraphStatus) == status
	if e.Kind == events.KindOf(status) || e.Kind == events.KindConflict && named {
		return true
	}
	switch {
	case status.Terminal():
		return false
	case e.Command.State.Terminal():
		return true
	case status == events.StateRetry:
		return false
	}
	return rank(e.Command.State) >= rank(status)
}

// rank is the order of section "States" of the documentation, written down a
// second time on purpose; 0 for what Graph does not say.
func rank(s events.State) int {
	switch s {
	case events.StateRequesting:
		return 1
	case events.StateSentToTarget:
		return 2
	case events.StateExecuting, events.StateCustom, events.StateCancel, events.StateCancelling:
		return 3
	default:
		return 0
	}
}
