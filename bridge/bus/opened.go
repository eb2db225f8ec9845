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
	// at has, for each, the sequence of the event that opened it.
	at map[string]uint64
}

func newOpenCommands(s events.Subjects, newest uint64) *openCommands {
	return &openCommands{subjects: s, newest: newest, at: map[string]uint64{}}
}

// take takes in the next event. Only one of a kind that may end a command is
// decoded; one that cannot be read leaves its command open, to be looked at.
func (o *openCommands) take(sequence uint64, subject string, body []byte) {
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
	case events.KindOf(events.StateAccepted), events.KindOf(events.StateRegistered), events.KindOf(events.StateErased):
		o.add(command, sequence)
		return
	}
	if !mayEnd(kind) {
		return
	}
	var c events.Command
	if err := c.UnmarshalJSON(body); err == nil && c.Ended() {
		delete(o.at, command)
		return
	}
	// It had ended and has not any more: it timed out, and then completed with a
	// payload that is still to come.
	o.add(command, sequence)
}

func (o *openCommands) add(command string, sequence uint64) {
	if _, known := o.at[command]; !known {
		o.at[command] = sequence
	}
}

// mayEnd reports whether an event of the kind can be the one with which a command
// has ended: nothing more has to happen for it.
func mayEnd(kind events.Kind) bool {
	return events.State(kind).Terminal() || kind == events.KindResponse || kind == events.KindConflict
}

// list gives them in the order in which they were opened.
func (o *openCommands) list() []string {
	return slices.SortedFunc(maps.Keys(o.at), func(a, b string) int { return int(o.at[a]) - int(o.at[b]) })
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
				o.take(r.sequence, string(r.subject), r.body)
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
