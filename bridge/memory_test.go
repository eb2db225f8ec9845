package bridge_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"devicebridge/events"
)

// memory is a store without a server, for tests that need the clock of a
// testing/synctest bubble. Like the stream it keeps records as JSON, refuses an
// append that does not expect the command's last sequence, and refuses a message
// that is too large.
type memory struct {
	since  time.Time // of the last EachOpen
	mu     sync.Mutex
	log    []entry
	timers map[string]time.Time
	// asks are the commands that Graph is to be asked about; asked counts them all.
	asks    map[string]ask
	asked   int
	objects map[string][]byte
	// live are the subscribers by command id or by kind.
	live map[string][]chan events.Stored
	// deaf keeps events from subscribers, as a lost connection would.
	deaf bool
	// limit is the largest record in bytes; 0 for none.
	limit int
}

type entry struct {
	kind events.Kind
	id   string
	body []byte
}

func (m *memory) Append(_ context.Context, kind events.Kind, c events.Command, expected uint64) (uint64, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.limit > 0 && len(body) > m.limit {
		return 0, &events.Error{Code: events.CodeTooLarge, Message: "the event does not fit a message"}
	}
	if last, _ := m.last(c.ID, ""); last.Sequence != expected {
		return 0, events.ErrLost
	}
	m.log = append(m.log, entry{kind, c.ID, body})
	stored := m.at(len(m.log) - 1)
	if !m.deaf {
		for _, ch := range slices.Concat(m.live[c.ID], m.live[string(kind)]) {
			ch <- stored
		}
	}
	return stored.Sequence, nil
}

func (m *memory) Latest(_ context.Context, id string) (events.Stored, error) { return m.read(id, "") }

func (m *memory) Accepted(_ context.Context, id string) (events.Stored, error) {
	return m.read(id, "accepted")
}

// Confirm: the memory is one.
func (m *memory) Confirm(context.Context) (bool, error) { return false, nil }

// Dispatched knows of no consumer.
func (m *memory) Dispatched(context.Context) (uint64, bool) { return 0, false }

func (m *memory) LatestResponse(_ context.Context, id string) (events.Stored, error) {
	return m.read(id, events.KindResponse)
}

func (m *memory) read(id string, kind events.Kind) (events.Stored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, ok := m.last(id, kind)
	if !ok {
		return stored, events.NotFound("no such command")
	}
	return stored, nil
}

func (m *memory) last(id string, kind events.Kind) (events.Stored, bool) {
	for i, e := range slices.Backward(m.log) {
		if e.id == id && (kind == "" || e.kind == kind) {
			return m.at(i), true
		}
	}
	return events.Stored{}, false
}

func (m *memory) at(i int) events.Stored {
	stored := events.Stored{Sequence: uint64(i) + 1, Kind: m.log[i].kind}
	_ = json.Unmarshal(m.log[i].body, &stored.Command) // written by Append
	return stored
}

// history gives every event of a command.
func (m *memory) history(id string) []events.Stored {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []events.Stored
	for i, e := range m.log {
		if e.id == id {
			list = append(list, m.at(i))
		}
	}
	return list
}

func (m *memory) Newest(_ context.Context, _ string, before uint64, limit int) (page []events.Created, next uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range slices.Backward(m.log) {
		e := m.at(i)
		if e.Command.Sequence != 1 && e.Command.State != events.StateErased || before != 0 && e.Sequence >= before {
			continue
		}
		if page = append(page, events.Created{Command: e.Command.ID, Sequence: e.Sequence}); len(page) == limit {
			return page, e.Sequence, nil
		}
	}
	return page, 0, nil
}

func (m *memory) Usage(context.Context) float64 { return 0 }

func (m *memory) Arm(_ context.Context, id string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timers == nil {
		m.timers = make(map[string]time.Time)
	}
	m.timers[id] = at
	return nil
}

func (m *memory) Armed(_ context.Context, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.timers[id]
	return ok, nil
}

func (m *memory) AllArmed(context.Context) (map[string]struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	armed := map[string]struct{}{}
	for id := range m.timers {
		armed[id] = struct{}{}
	}
	return armed, nil
}

func (m *memory) EachOpen(_ context.Context, since time.Time, see func(string, time.Time, bool) error) error {
	m.mu.Lock()
	m.since = since
	var found []events.Command
	for i := range m.log {
		c := m.at(i).Command
		opened := c.Sequence == 1 && c.State != events.StateRejected && !c.CreatedAt.Before(since)
		if last, _ := m.last(c.ID, ""); opened && last.Command.Ended() {
			continue
		}
		if opened || c.State == events.StateErased && !c.UpdatedAt.Before(since) {
			found = append(found, c)
		}
	}
	m.mu.Unlock()
	for _, c := range found {
		if err := see(c.ID, c.CreatedAt, c.State == events.StateErased); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) SubscribeCommand(_ context.Context, id string) (func(context.Context) (events.Stored, error), func(), error) {
	return m.subscribe(id)
}

func (m *memory) SubscribeKind(_ context.Context, kind events.Kind) (func(context.Context) (events.Stored, error), func(), error) {
	return m.subscribe(string(kind))
}

func (m *memory) subscribe(id string) (func(context.Context) (events.Stored, error), func(), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ch := make(chan events.Stored, 256)
	if m.live == nil {
		m.live = make(map[string][]chan events.Stored)
	}
	m.live[id] = append(m.live[id], ch)
	next := func(ctx context.Context) (events.Stored, error) {
		select {
		case e := <-ch:
			return e, nil
		case <-ctx.Done():
			return events.Stored{}, ctx.Err()
		}
	}
	stop := func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.live[id] = slices.DeleteFunc(m.live[id], func(c chan events.Stored) bool { return c == ch })
	}
	return next, stop, nil
}
