package bridge

import (
	"context"

	lru "github.com/hashicorp/golang-lru/v2"

	"devicebridge/events"
)

const (
	// maxRecent is how many records are remembered at once, and maxRecentSize how long
	// the texts of one may be, in bytes: 32 MiB together at most, half of it as a rule.
	maxRecent     = 16384
	maxRecentSize = 1 << 10
)

// recent remembers the latest events of commands as this process stored or read
// them, those used last. Another replica may have stored one since, so what is
// remembered is good for an append, which compare-and-set refuses then, and for
// nothing else.
type recent struct {
	events *lru.Cache[string, events.Stored]
}

func newRecent() recent {
	cache, err := lru.New[string, events.Stored](maxRecent)
	if err != nil {
		panic(err) // of a size that is not more than 0
	}
	return recent{cache}
}

// find gives what is remembered of a command.
func (r recent) find(command string) (events.Stored, bool) { return r.events.Get(command) }

// Recall gives the event of a delivery if it is remembered: at this sequence of the
// stream, with these headers.
func (b *Bridge) Recall(command string, sequence uint64, header map[string][]string) (events.Stored, bool) {
	e, is := b.recent.find(command)
	if !is || e.Sequence != sequence || !events.HeadersOf(header, e.Command) {
		return events.Stored{}, false
	}
	return e, true
}

// keep remembers an event unless a later one of its command is. A command that has
// ended is forgotten: as a rule nothing is appended to it any more.
func (r recent) keep(e events.Stored) {
	id := e.Command.ID
	// Of a stream that was made anew the sequences are others, and its commands too.
	if was, is := r.events.Peek(id); is && was.Sequence > e.Sequence && was.Command.CreatedAt.Equal(e.Command.CreatedAt) {
		return
	}
	if e.Command.Ended() || e.Command.TextSize() > maxRecentSize {
		r.events.Remove(id)
		return
	}
	r.events.Add(id, e)
}

// forget drops what is remembered of a command: it was not the latest event.
func (r recent) forget(command string) { r.events.Remove(command) }

// latest reads the latest event of a command from the stream's leader and remembers
// it.
func (b *Bridge) latest(ctx context.Context, command string) (events.Stored, error) {
	found, err := b.Stream.Latest(ctx, command)
	if err == nil {
		b.recent.keep(found)
	}
	return found, err
}
