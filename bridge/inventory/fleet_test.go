package inventory_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"devicebridge/bridge/inventory"
)

// fleet is a directory and its delta query. Each change has a position; a link is
// "<since>:<token>:<after>": the round tells what changed after the position
// since, it began at token, and goes on with the devices after a given one.
type fleet struct {
	mu      sync.Mutex
	now     int
	horizon int // older tokens are forgotten
	restart bool
	size    int // of a page
	devices map[string]*machine
	reads   int
}

// machine is a device and its life so far.
type machine struct {
	members map[string]member
	gone    bool
	reason  string
	born    int // when it last came
	changed int
	past    []moment
}

type member struct {
	value   string // JSON
	changed int
}

// moment is how a device was from a position on; "" where it was gone.
type moment struct {
	at    int
	state string
}

func newFleet() *fleet { return &fleet{devices: map[string]*machine{}, size: 2} }

// set sets members of a device, or brings it into being; a value "null" empties.
func (f *fleet) set(id string, members map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now++
	m := f.devices[id]
	switch {
	case m == nil:
		m = &machine{members: map[string]member{"id": {strconv.Quote(id), f.now}}, born: f.now}
		f.devices[id] = m
	case m.gone:
		m.gone, m.born = false, f.now
	}
	for name, value := range members {
		m.members[name] = member{value, f.now}
	}
	m.note(f.now)
}

// read gives how many pages were asked for.
func (f *fleet) read() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

// remove takes a device out, if it is there.
func (f *fleet) remove(id, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.devices[id]; m != nil && !m.gone {
		f.now++
		m.gone, m.reason = true, reason
		m.note(f.now)
	}
}

// forget makes every link so far too old.
func (f *fleet) forget(restart bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now++
	f.horizon, f.restart = f.now, restart
}

func (m *machine) note(at int) {
	m.changed = at
	m.past = append(m.past, moment{at, m.state()})
}

// state gives a device in one spelling, without members that are not set.
func (m *machine) state() string {
	if m.gone {
		return ""
	}
	set := map[string]json.RawMessage{}
	for name, member := range m.members {
		if member.value != "null" {
			set[name] = json.RawMessage(member.value)
		}
	}
	return spell(set)
}

func spell(o map[string]json.RawMessage) string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // it was JSON before
	}
	return string(text)
}

// Delta is Graph's delta query.
func (f *fleet) Delta(_ context.Context, link string) (inventory.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	since, token, after := -1, -1, ""
	if link != "" {
		parts := strings.SplitN(link, ":", 3)
		since, _ = strconv.Atoi(parts[0])
		token, _ = strconv.Atoi(parts[1])
		after = parts[2]
	}
	if since >= 0 && since < f.horizon || token >= 0 && token < f.horizon {
		gone := &inventory.ResyncError{Err: errors.New("syncStateNotFound")}
		if f.restart {
			gone.Restart = "-1:-1:"
		}
		return inventory.Page{}, gone
	}
	if token < 0 {
		token = f.now
	}
	var page inventory.Page
	for _, id := range slices.Sorted(maps.Keys(f.devices)) {
		m := f.devices[id]
		if id <= after || m.changed <= since || since < 0 && m.gone {
			continue
		}
		if len(page.Changes) == f.size {
			page.Next = fmt.Sprintf("%d:%d:%s", since, token, after)
			return page, nil
		}
		page.Changes = append(page.Changes, m.change(id, since))
		after = id
	}
	page.Link = fmt.Sprintf("%d:-1:", token)
	return page, nil
}

// change gives what Graph says of a device that changed after a position: in a full
// read what is set, else the members that were touched, emptied ones as null; of
// one that came since, all of them.
func (m *machine) change(id string, since int) inventory.Change {
	if m.gone {
		return inventory.Change{ID: id, Reason: m.reason}
	}
	told := map[string]json.RawMessage{"id": json.RawMessage(strconv.Quote(id)), "@odata.type": json.RawMessage(`"#microsoft.graph.device"`)}
	for name, member := range m.members {
		if since < 0 && member.value != "null" || since >= 0 && max(m.born, member.changed) > since {
			told[name] = json.RawMessage(member.value)
		}
	}
	return inventory.Change{Device: json.RawMessage(spell(told))}
}
