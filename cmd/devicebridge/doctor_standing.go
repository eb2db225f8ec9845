package main

import (
	"fmt"
	"slices"
	"strings"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// standings judges what each replica says of itself: whether all have the same
// callback keys, and what keeps commands from being sent.
func (d *doctor) standings(replicas []bus.Replica) {
	var told []events.Standing
	for _, r := range replicas {
		if r.Standing != nil {
			told = append(told, *r.Standing)
		}
	}
	if len(told) == 0 {
		return
	}
	d.callbackKeys(told, len(replicas)-len(told))
	d.sending(told)
}

const keysHelp = "give every replica the same BRIDGE_CALLBACK_KEYS; a new key takes a new id"

// callbackKeys holds the rings of all replicas against each other. silent is how many
// say nothing of theirs.
func (d *doctor) callbackKeys(told []events.Standing, silent int) {
	const check = "callback keys"
	prints, holders := map[string][]string{}, map[string]int{}
	var ids, other, unknown, missing []string
	with := 0
	for _, s := range told {
		if len(s.CallbackKeys) == 0 {
			continue // commands are off
		}
		with++
		for _, k := range s.CallbackKeys {
			holders[k.ID]++
			if !slices.Contains(ids, k.ID) {
				ids = append(ids, k.ID)
			}
			if !slices.Contains(prints[k.ID], k.Print) {
				prints[k.ID] = append(prints[k.ID], k.Print)
			}
		}
	}
	for _, id := range ids {
		signs := slices.ContainsFunc(told, func(s events.Standing) bool { return len(s.CallbackKeys) > 0 && s.CallbackKeys[0].ID == id })
		switch {
		case len(prints[id]) > 1:
			other = append(other, id)
		case holders[id] < with && signs:
			unknown = append(unknown, id)
		case holders[id] < with:
			missing = append(missing, id)
		}
	}
	switch {
	case with == 0:
	case len(other) > 0:
		d.fail(check, keysHelp, "under the key id %s the replicas have different bytes: each answers the callbacks of the other with 404", strings.Join(other, ", "))
	case len(unknown) > 0:
		slices.Sort(unknown)
		d.fail(check, keysHelp, "callbacks are signed with %s, which not every replica has: those without it answer them with 404", strings.Join(unknown, ", "))
	case len(missing) > 0:
		d.warn(check, keysHelp, "not every replica has %s, under which callbacks may still come; see devicebridge keys check", strings.Join(missing, ", "))
	case silent > 0:
		d.warn(check, "finish the upgrade", "%d of %d replicas do not tell which they have", silent, len(told)+silent)
	default:
		d.ok(check, "every replica has the same: %s", strings.Join(ids, ", "))
	}
}

// sending tells what keeps commands from being sent beside the sign-in, which has a
// check of its own.
func (d *doctor) sending(told []events.Standing) {
	const check = "sending"
	replicas := map[string]int{}
	var list []events.Wait
	for _, s := range told {
		for _, w := range s.Waits {
			if w.For == events.WaitSignIn {
				continue
			}
			if replicas[w.For]++; replicas[w.For] == 1 {
				list = append(list, w)
			}
		}
	}
	if len(list) == 0 {
		d.ok(check, "nothing keeps commands from being sent")
		return
	}
	words := make([]string, 0, len(list))
	for _, w := range list {
		text := fmt.Sprintf("%s: %s", w.For, w.Reason)
		if n := replicas[w.For]; n < len(told) {
			text += fmt.Sprintf(" (%d of %d replicas)", n, len(told))
		}
		words = append(words, text)
	}
	d.warn(check, "until that is over commands wait, unclaimed", "%s", strings.Join(words, "; "))
}
