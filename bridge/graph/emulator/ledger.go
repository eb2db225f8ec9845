package emulator

import (
	"slices"
	"time"
)

// Received is one POST of a command as the emulator saw it. Taken is the emulator's own truth, whatever the client
// was told: count it to prove that a command was sent once.
type Received struct {
	// Seq counts the POSTs from 1, in the order of their arrival.
	Seq int
	// At is when it arrived, UTC.
	At time.Time
	// DeviceID is the device named in the path, known or not.
	DeviceID string
	// Body is the request body, after gzip.
	Body []byte
	// CommandID is the id Graph would have given; empty when the command was not taken.
	CommandID string
	// Taken says that the command exists and runs.
	Taken bool
	// Answered says that the answer, or its loss, has been decided; before that HTTPStatus says nothing.
	Answered bool
	// HTTPStatus is the status answered; zero when the answer was lost on purpose.
	HTTPStatus int
	// Fault is the fault that was injected; FaultNone when none was, empty when the request did not get that far.
	Fault FaultKind
	// RequestID and ClientRequestID are the headers of the answer.
	RequestID, ClientRequestID string
}

// entry is one POST in the store, with the command that came of it.
type entry struct {
	rec Received
	cmd *command
}

// store remembers POSTs and commands up to its limits, oldest forgotten first. It is guarded by the emulator's lock.
type store struct {
	maxEntries int
	maxBytes   int64
	entries    []*entry
	bytes      int64
	last       int
	commands   map[string]*command
}

// add remembers a POST and forgets what is too much; it keeps at least the newest.
func (s *store) add(rec Received) *entry {
	s.last++
	rec.Seq = s.last
	en := &entry{rec: rec}
	s.entries = append(s.entries, en)
	s.bytes += int64(len(rec.Body))
	for len(s.entries) > 1 && (len(s.entries) > s.maxEntries || s.bytes > s.maxBytes) {
		s.forgetOldest()
	}
	return en
}

func (s *store) forgetOldest() {
	old := s.entries[0]
	s.entries[0] = nil // or the array behind the slice would keep it
	s.entries = s.entries[1:]
	s.bytes -= int64(len(old.rec.Body))
	if old.cmd != nil {
		delete(s.commands, old.cmd.id)
		old.cmd.cancel()
	}
}

// take notes the command that came of a POST.
func (s *store) take(en *entry, c *command) {
	en.cmd, en.rec.CommandID, en.rec.Taken = c, c.id, true
	if s.remembers(en) {
		s.commands[c.id] = c
		return
	}
	// Forgotten between arrival and now: MaxCommands is smaller than the number of POSTs under way.
	c.cancel()
}

func (s *store) remembers(en *entry) bool {
	return len(s.entries) > 0 && en.rec.Seq >= s.entries[0].rec.Seq
}

// after gives copies of the POSTs whose Seq is above seq, at most limit, oldest first.
func (s *store) after(seq, limit int) []Received {
	first := 0
	if len(s.entries) > 0 {
		// The sequence has no gaps, so the place follows from the number.
		first = min(max(0, seq-s.entries[0].rec.Seq+1), len(s.entries))
	}
	page := s.entries[first:]
	page = page[:min(limit, len(page))]
	list := make([]Received, len(page))
	for i, en := range page {
		list[i] = en.rec
		list[i].Body = slices.Clone(en.rec.Body)
	}
	return list
}
