package bus

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"time"

	"devicebridge/events"
)

// openCommands are the commands that a walk through the stream found opened and did
// not find ended.
type openCommands struct {
	subjects events.Subjects
	// newest is the sequence at which the walk ends, last the one it has reached.
	newest, last uint64
	found        map[string]opening
}

// opening is what is known of the event that opened a command, or with which it was
// erased.
type opening struct {
	sequence uint64
	at       int64 // when it was stored, in nanoseconds since 1970
	erased   bool
}

func newOpenCommands(s events.Subjects, newest uint64) *openCommands {
	return &openCommands{subjects: s, newest: newest, found: map[string]opening{}}
}

// take takes in the next event. Only one of a kind that may end a command is
// decoded; one that cannot be read, or is of another command, leaves its command open,
// to be looked at.
func (o *openCommands) take(sequence uint64, at int64, subject string, body []byte) {
	if sequence > o.newest {
		o.last = o.newest
		return
	}
	o.last = sequence
	command, kind, ok := o.subjects.ParseEvent(subject)
	if !ok {
		return
	}
	switch kind {
	case events.KindOf(events.StateAccepted), events.KindOf(events.StateRegistered):
		o.add(command, opening{sequence: sequence, at: at})
		return
	case events.KindOf(events.StateErased):
		o.found[command] = opening{sequence: sequence, at: at, erased: true}
		return
	}
	if !mayEnd(kind) {
		return
	}
	var c events.Command
	if err := c.UnmarshalJSON(body); err == nil && c.ID == command && c.Ended() {
		delete(o.found, command)
		return
	}
	// It had ended and has not any more: it timed out, and then completed with a
	// payload that is still to come.
	o.add(command, opening{sequence: sequence, at: at})
}

func (o *openCommands) add(command string, by opening) {
	if _, known := o.found[command]; !known {
		o.found[command] = by
	}
}

// mayEnd reports whether an event of the kind can be the one with which a command
// has ended: nothing more has to happen for it.
func mayEnd(kind events.Kind) bool {
	return events.State(kind).Terminal() || kind == events.KindResponse || kind == events.KindConflict
}

// list gives them in the order in which they were opened.
func (o *openCommands) list() []string {
	return slices.SortedFunc(maps.Keys(o.found), func(a, b string) int { return cmp.Compare(o.found[a].sequence, o.found[b].sequence) })
}

// fromFiles takes in what the files of the embedded server hold, from a time on, and
// reports whether they could be read so far as they go. The server may be writing:
// the end of the last file can be half a message.
func (o *openCommands) fromFiles(ctx context.Context, s *Server, stream string, since time.Time) bool {
	halved := false
	err := eachBlock(s.blocks(stream), func(name string, index uint64) error {
		if err := ctx.Err(); err != nil || halved {
			return cmp.Or(err, errNotRead) // not the last file
		}
		if info, err := os.Stat(name); err != nil || info.ModTime().Before(since) {
			return err
		}
		err := readBlock(name, stream, index, func(r record) {
			if !r.deleted && r.stored >= since.UnixNano() && r.sequence > o.last {
				o.take(r.sequence, r.stored, string(r.subject), r.body)
			}
		})
		halved = errors.Is(err, errNotRead)
		if halved {
			return nil
		}
		return err
	})
	return err == nil
}
