package proof

import (
	"fmt"
	"slices"

	"devicebridge/events"
)

// law names what a violation breaks; the package comment says what each means.
type law string

const (
	lost        law = "lost"
	multiplied  law = "multiplied"
	doubled     law = "doubled"
	unclaimed   law = "unclaimed"
	gap         law = "gap"
	repeated    law = "repeated"
	unreflected law = "unreflected"
	open        law = "open"
)

// violation is one law broken by one command, or by one request without one.
type violation struct {
	Law     law
	Command string
	Detail  string
}

// check holds the record, in the order of the stream, against the books. It gives
// the violations in the order of the laws above.
func check(b books, record []event) []violation {
	timelines, ids := timelinesOf(record)
	commands := map[string][]string{} // by marker
	for _, id := range ids {
		if marker := markerOf(timelines[id][0].Command.Payload); marker != "" {
			commands[marker] = append(commands[marker], id)
		}
	}
	var found []violation
	found = append(found, checkAsked(b.Asked, timelines, commands)...)
	found = append(found, checkPosts(b.Posts, timelines)...)
	found = append(found, checkNumbers(record)...)
	found = append(found, checkPostbacks(b.Postbacks, timelines)...)
	for _, id := range ids {
		if last := timelines[id][len(timelines[id])-1].Command; !last.Ended() {
			found = append(found, violation{open, id, fmt.Sprintf("is %s, response %s", last.State, last.Response)})
		}
	}
	return found
}

// timelinesOf gives the events of each command, and the commands in the order of
// their first events.
func timelinesOf(record []event) (timelines map[string][]event, ids []string) {
	timelines = map[string][]event{}
	for _, e := range record {
		if timelines[e.Command.ID] == nil {
			ids = append(ids, e.Command.ID)
		}
		timelines[e.Command.ID] = append(timelines[e.Command.ID], e)
	}
	return timelines, ids
}

// checkAsked: what was acknowledged is one command, what was not is at most one.
func checkAsked(requests []asked, timelines map[string][]event, commands map[string][]string) []violation {
	var found []violation
	for _, a := range requests {
		made := commands[a.Marker]
		switch {
		case a.Acknowledged && a.Command != "" && timelines[a.Command] == nil:
			found = append(found, violation{lost, a.Command, "a receipt was given, the record has no such command"})
		case a.Acknowledged && a.Marker != "" && len(made) == 0:
			found = append(found, violation{lost, a.Command, fmt.Sprintf("request %s was acknowledged and there is no command of it", a.Marker)})
		case len(made) > 1:
			found = append(found, violation{multiplied, made[1], fmt.Sprintf("request %s became the commands %v", a.Marker, made)})
		case a.Command != "" && a.Marker != "" && made[0] != a.Command:
			found = append(found, violation{lost, a.Command, fmt.Sprintf("the receipt of request %s names it, its command is %s", a.Marker, made[0])})
		}
	}
	return found
}

// checkPosts: of the POSTs of one command, and of one request whatever its
// command was called, Graph refused all but one; each has a claim.
func checkPosts(posts []post, timelines map[string][]event) []violation {
	var found []violation
	byMarker, byCommand, attempts := map[string][]post{}, map[string][]post{}, map[string]int{}
	var ids []string
	for _, p := range posts {
		if attempts[p.Command] == 0 {
			ids = append(ids, p.Command)
		}
		attempts[p.Command]++
		if !p.refused() {
			byCommand[p.Command] = append(byCommand[p.Command], p)
			byMarker[p.Marker] = append(byMarker[p.Marker], p)
		}
	}
	for _, id := range ids {
		list := byCommand[id]
		if len(list) == 1 && list[0].Marker != "" {
			list = byMarker[list[0].Marker]
		}
		if len(list) > 1 {
			found = append(found, violation{doubled, id, fmt.Sprintf("%d POSTs that Graph did not refuse: %v", len(list), statuses(list))})
		}
		claims := 0
		for _, e := range timelines[id] {
			if e.Kind == events.KindOf(events.StateSending) {
				claims++
			}
		}
		if attempts[id] > claims {
			found = append(found, violation{unclaimed, id, fmt.Sprintf("%d POSTs under %d claims", attempts[id], claims)})
		}
	}
	return found
}

func statuses(posts []post) []int {
	var list []int
	for _, p := range posts {
		list = append(list, p.Status)
	}
	return list
}

// checkNumbers: n = 1, 2, 3… within each command, and no event id twice.
func checkNumbers(record []event) []violation {
	var found []violation
	last, seen := map[string]int{}, map[string]bool{}
	for _, e := range record {
		id, n := e.Command.ID, e.Command.Sequence
		if seen[e.ID] {
			found = append(found, violation{repeated, id, "event id " + e.ID + " comes again"})
		}
		seen[e.ID] = true
		gapped := slices.ContainsFunc(found, func(v violation) bool { return v.Law == gap && v.Command == id })
		if n != last[id]+1 && !gapped {
			found = append(found, violation{gap, id, fmt.Sprintf("n = %d follows %d", n, last[id])})
		}
		last[id] = n
	}
	return found
}
