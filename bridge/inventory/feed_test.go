package inventory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"devicebridge/events"
)

// memory is a feed that keeps what it is given and breaks the rules only when it is
// told to.
type memory struct {
	mu       sync.Mutex
	sequence uint64
	cursor   []byte
	revision uint64
	latest   map[string]events.InventoryStored
	log      []events.InventoryEvent
	// careless: it does not look at the cursor that a commit expects.
	careless bool
}

func newMemory() *memory { return &memory{latest: map[string]events.InventoryStored{}} }

func (m *memory) InventoryCursor(context.Context) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor, m.revision, nil
}

func (m *memory) CommitInventory(_ context.Context, batch []events.InventoryAppend, cursor []byte, expected uint64) (uint64, error) {
	return m.commit(batch, cursor, expected, len(batch)+1)
}

// commit stores the first some of a commit's messages: the events, then the cursor.
func (m *memory) commit(batch []events.InventoryAppend, cursor []byte, expected uint64, some int) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if expected != m.revision && !m.careless {
		return 0, events.ErrLost
	}
	for _, a := range batch {
		if m.latest[a.Event.DeviceID].StreamSequence != a.Expected {
			return 0, events.ErrLost
		}
	}
	for _, a := range batch[:min(some, len(batch))] {
		m.sequence++
		m.latest[a.Event.DeviceID] = events.InventoryStored{StreamSequence: m.sequence, Event: a.Event}
		m.log = append(m.log, a.Event)
	}
	if some <= len(batch) {
		return 0, events.Unavailable("the server died")
	}
	m.sequence++
	m.cursor, m.revision = cursor, m.sequence
	return m.revision, nil
}

func (m *memory) LatestInventory(_ context.Context, id string) (events.InventoryStored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if stored, found := m.latest[id]; found {
		return stored, nil
	}
	return events.InventoryStored{}, events.NotFound("no such device")
}

func (m *memory) EachInventory(_ context.Context, see func(string) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.latest)) {
		if err := see(id); err != nil {
			return err
		}
	}
	return nil
}

// told gives the events so far, a line each, and forgets them.
func (m *memory) told() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines []string
	for _, e := range m.log {
		lines = append(lines, string(e.Kind)+" "+e.ID()+" "+e.Reason+string(e.Device))
	}
	m.log = nil
	return lines
}

// check holds what a subscriber relies on against the directory's own memory: of
// each device the events are numbered without gaps, each is a change, and each
// shows a state that the device really had, none older than the one before.
func (m *memory) check(f *fleet) (violations []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := map[string]events.InventoryEvent{}
	place := map[string]int{}
	for _, e := range m.log {
		before := last[e.DeviceID]
		last[e.DeviceID] = e
		was, is := before.Kind != "" && before.Kind != events.InventoryDeleted, e.Kind != events.InventoryDeleted
		switch {
		case e.Sequence != before.Sequence+1:
			violations = append(violations, fmt.Sprintf("%s follows %s", e.ID(), before.ID()))
		case was == (e.Kind == events.InventoryCreated) || !was && !is:
			violations = append(violations, fmt.Sprintf("%s is %s after %s", e.ID(), e.Kind, before.Kind))
		case e.Kind == events.InventoryUpdated && string(e.Device) == string(before.Device):
			violations = append(violations, e.ID()+" tells no change")
		case is == (e.Reason != ""):
			violations = append(violations, fmt.Sprintf("%s is %s for %q", e.ID(), e.Kind, e.Reason))
		}
		past, at := f.devices[e.DeviceID].past, place[e.DeviceID]
		for at < len(past) && past[at].state != set(e) {
			at++
		}
		if at == len(past) {
			violations = append(violations, fmt.Sprintf("%s shows %s, which the device was not, or long before", e.ID(), set(e)))
			continue
		}
		place[e.DeviceID] = at
	}
	return violations
}

// settled holds the known states against the directory as it is.
func (m *memory) settled(f *fleet) (violations []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, machine := range f.devices {
		known := ""
		if stored, found := m.latest[id]; found {
			known = set(stored.Event)
		}
		if known != machine.state() {
			violations = append(violations, fmt.Sprintf("device %s is known as %q, and is %q", id, known, machine.state()))
		}
	}
	return violations
}

// set gives the device of an event as moment.state does.
func set(e events.InventoryEvent) string {
	if e.Kind == events.InventoryDeleted {
		return ""
	}
	var o map[string]json.RawMessage
	if err := json.Unmarshal(e.Device, &o); err != nil {
		return err.Error()
	}
	for name, value := range o {
		if string(value) == "null" {
			delete(o, name)
		}
	}
	return spell(o)
}
