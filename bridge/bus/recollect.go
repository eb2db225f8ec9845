package bus

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"time"
)

// apiAdvisories is where a NATS server tells of every request to JetStream's interface.
const apiAdvisories = "$JS.EVENT.ADVISORY.API"

// takesAway reports whether an advisory is of a request that takes something from the
// event stream.
func (b *Bus) takesAway(advisory []byte) bool {
	if bytes.Contains(advisory, fmt.Append(nil, neverStored)) {
		return false // asked by a bridge, see Confirm
	}
	for _, what := range []string{"PURGE", "MSG.DELETE", "RESTORE"} {
		if bytes.Contains(advisory, []byte("STREAM."+what+"."+b.subjects.EventStream()+`"`)) {
			return true
		}
	}
	return false
}

// recollection is what Watch knows of the event stream from looks before.
type recollection struct {
	memory *memory
	// gone says which events are missing; for good once it does.
	gone string
	// missing: the look before did not find the stream.
	missing bool
	// doubted: the look before saw an end that is behind what was acknowledged.
	doubted bool
	// kept is when the memory was last stored for others.
	kept time.Time
	// at is the server's time of the last look, since when this process' own.
	at, since time.Time
}

// recollect holds what was seen of the event stream against the looks before, notes in s
// what is missing, and reports whether to look again soon.
func (w *watch) recollect(ctx context.Context, s *sight) (doubt bool) {
	r := &w.recollection
	s.eventStream = w.b.subjects.EventStream()
	defer func() {
		s.gone = cmp.Or(r.gone, s.gone)
		w.b.watched.lost.Store(s.gone != "")
	}()
	if r.memory == nil {
		r.memory = w.b.memory
	}
	if r.gone != "" || !s.known() {
		return false
	}
	if s.event == nil {
		if r.missing && r.memory != nil && r.memory.Last >= r.memory.First {
			s.gone = stretch(r.memory.First, r.memory.Last) // what is made in its place is empty
		}
		r.missing = true
		return false
	}
	r.missing = false
	seen := *s.event
	seen.now = r.steady(seen.now)
	holes, err := w.b.holes(ctx, seen.info.State)
	if err != nil {
		return false // another look will tell
	}
	if r.memory == nil {
		r.memory = &memory{Created: seen.info.Created, First: max(seen.info.State.FirstSeq, 1), MaxAge: seen.info.Config.MaxAge, Seen: seen.now, Holes: holes}
	}
	gone, err := w.b.lost(ctx, *r.memory, seen)
	if err != nil {
		return false
	}
	if behind := len(gone) > 0 && seen.info.State.LastSeq < max(r.memory.Last, seen.acked); behind && !r.doubted {
		// A leader that is cut off from the others may have less than they have.
		asked, err := w.b.Confirm(ctx)
		if err != nil {
			return true
		}
		if r.doubted = asked; asked {
			return true
		}
	}
	r.doubted = false
	if len(gone) > 0 {
		r.gone = tell(gone)
		return false
	}
	m := remember(*r.memory, seen, holes)
	r.memory = &m
	if time.Since(r.kept) >= w.every {
		w.keep(ctx)
	}
	return false
}

// keep stores the memory for others, and for the next start.
func (w *watch) keep(ctx context.Context) {
	r := &w.recollection
	if w.b.server != nil || r.memory == nil || r.gone != "" {
		return
	}
	r.kept = time.Now()
	if err := w.b.keepMemory(ctx, *r.memory, false); err != nil {
		w.b.log.Debug("what was seen of the event stream could not be kept", "error", err)
	}
}

// end keeps what was seen last, if the server is there.
func (w *watch) end(ctx context.Context) {
	if w.b.nc.IsConnected() && len(w.now) == 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		w.recollectAgain(ctx)
		w.keep(ctx)
	}
}

// recollectAgain takes in what was stored since the last look.
func (w *watch) recollectAgain(ctx context.Context) {
	if seen, err := w.b.sighted(ctx); err == nil {
		w.recollect(ctx, &sight{connected: true, event: &seen})
	}
}

// steady returns the server's time, or, where that has leapt ahead since the look before,
// what it would be without: events that left by a wrong clock are missing.
func (r *recollection) steady(now time.Time) time.Time {
	if expected := r.at.Add(time.Since(r.since)); !r.at.IsZero() && now.Sub(expected) >= clockLeap {
		return expected
	}
	r.at, r.since = now, time.Now()
	return now
}
