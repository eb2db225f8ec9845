package bus

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"devicebridge/events"
)

// doubt says why the store of the embedded server is not trusted: a write or a sync
// failed. What was written then can be read, but may not be on the disk; to act on it,
// or to store something behind it, would be to promise what a power cut takes.
type doubt struct {
	at   time.Time
	text string
	// damage: events are gone, which no new start of the server brings back.
	damage bool
}

// storeFailedLine matches the lines of the NATS server about a store that stopped
// writing, from their beginning: others hold what clients call themselves. They come
// before anybody can read what was written.
const storeFailedLine = `^(Filestore \[\S+\] Critical|JetStream stream '\S+ > \S+' critical) write error: `

// distrust notes that the store failed, and has Watch look at it.
func (s *Server) distrust(text string, damage bool) {
	next := &doubt{at: time.Now(), text: text, damage: damage}
	var was *doubt
	for {
		was = s.doubt.Load()
		if was != nil {
			next.at, next.damage = was.at, was.damage || damage
			if was.damage {
				next.text = was.text
			}
		}
		if s.doubt.CompareAndSwap(was, next) {
			break
		}
	}
	if err := s.o.noteRun(lastRun{Failed: next.at}); err != nil && was == nil {
		s.o.Log.Error("what is doubted of the store is not noted; do not end this process before the trouble is over", "error", err)
	}
	if poke := s.poke.Load(); poke != nil {
		(*poke)()
	}
}

// trust ends a doubt, unless there was another failure since.
func (s *Server) trust(of *doubt) {
	if !s.doubt.CompareAndSwap(of, nil) {
		return
	}
	if err := s.o.noteRun(lastRun{}); err != nil {
		s.o.Log.Warn("it is not noted that the store is trusted again; the next start writes it again once more", "error", err)
	}
}

// doubted refuses to store and to read while the store is doubted.
func (b *Bus) doubted() error {
	if b.server == nil || b.server.doubt.Load() == nil {
		return nil
	}
	return events.Unavailable(storeFailedText)
}

// storeFailedText is what callers are told while the store is doubted.
const storeFailedText = "the store of the NATS server has failed; ask again later"

// retrust ends the doubt after the store was written again and the server was started
// on it: everything that was acknowledged has to be there, and the witness has to know
// of all of it.
func (b *Bus) retrust(ctx context.Context, of *doubt) error {
	w := b.witness.Load()
	if w == nil {
		info, err := b.streamInfo(ctx, b.subjects.EventStream())
		if err != nil {
			return fmt.Errorf("look at the event stream: %w", err)
		}
		if acked := b.acked.Load(); info.State.LastSeq < acked {
			return &DamageError{Stream: info.Config.Name, Missing: []string{stretch(info.State.LastSeq+1, acked)}}
		}
	} else if err := w.check(ctx); err != nil {
		return err
	}
	b.server.trust(of)
	return nil
}

// check holds the event stream against what was acknowledged until now, and notes it.
func (w *Witness) check(ctx context.Context) error {
	w.mu.Lock()
	said := w.said
	w.mu.Unlock()
	said.Last = max(said.Last, w.b.acked.Load())
	found, err := w.b.surveyed(ctx, said)
	if err != nil {
		return err
	}
	noted := w.Note(ctx)
	if len(found.missing) > 0 {
		return errors.Join(&DamageError{Stream: found.said.Stream, Missing: found.missing}, noted)
	}
	return noted
}

// logged looks at a line of the NATS server for the failure of a store.
func (s *Server) logged(text string) {
	if regexp.MustCompile(storeFailedLine).MatchString(text) {
		s.distrust(text, false)
	}
}
