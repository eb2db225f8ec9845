package bus

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// watched is what Watch and the rest of a Bus tell each other.
type watched struct {
	// running: Watch tells of a lost connection, others need not.
	running atomic.Bool
	// changed wakes Watch.
	changed chan struct{}
	// barred and inventory say why nothing may be stored in the event stream and in
	// that of the inventory; nil: it may.
	barred, inventory atomic.Pointer[string]
	// lost: events are missing, so that one that is not found says nothing.
	lost atomic.Bool
	// silent is when an append last had no answer although the leader answers
	// reads; nil since one was acknowledged.
	silent atomic.Pointer[time.Time]
	// noRoom is when the event stream last refused an event for want of room; nil
	// since it stored one.
	noRoom atomic.Pointer[time.Time]

	mu       sync.Mutex
	standing []Trouble
	// details say more of each trouble that stands.
	details map[Trouble]string
	// refusal is why an append was last refused.
	refusal string
	said    string // the last error that was reported
	saidAt  time.Time
}

// poke has Watch look at once.
func (w *watched) poke() {
	select {
	case w.changed <- struct{}{}:
	default: // it will
	}
}

// level gives the level for a line that Watch writes as well: low while it does.
func (w *watched) level(otherwise slog.Level) slog.Level {
	if w.running.Load() {
		return slog.LevelDebug
	}
	return otherwise
}

// unconfirmed notes that an append had no answer, or one that is no answer to what it
// asked, and why.
func (w *watched) unconfirmed(why string) {
	w.mu.Lock()
	w.refusal = why
	w.mu.Unlock()
	now := time.Now()
	if w.silent.Swap(&now) == nil {
		w.poke()
	}
}

// refused returns why an append was last refused.
func (w *watched) refused() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refusal
}

func (w *watched) confirmed() {
	if w.silent.Load() != nil {
		w.silent.Store(nil)
	}
	if w.noRoom.Load() != nil {
		w.noRoom.Store(nil)
	}
}

// lacked notes that the event stream had no room for an event, and has Watch look
// at once when that is new.
func (w *watched) lacked() {
	now := time.Now()
	if w.noRoom.Swap(&now) == nil {
		w.poke()
	}
}

// silence is how long one append without an answer, or that found no room, counts
// where no other follows.
const silence = time.Minute

// unanswered reports whether appends have had no answer lately.
func (w *watched) unanswered(now time.Time) bool {
	at := w.silent.Load()
	return at != nil && now.Sub(*at) < silence
}

// lacking reports whether the event stream has lately had no room for an event.
func (w *watched) lacking(now time.Time) bool {
	at := w.noRoom.Load()
	return at != nil && now.Sub(*at) < silence
}

// news reports whether an error is another one than the last, or a minute later.
func (w *watched) news(err error, subject string) bool {
	text := subject
	if err != nil {
		text += " " + err.Error()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if text == w.said && time.Since(w.saidAt) < time.Minute {
		return false
	}
	w.said, w.saidAt = text, time.Now()
	return true
}

// end says that Watch does not run any more. What bars appends stays.
func (w *watched) end() {
	w.running.Store(false)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.standing, w.details = nil, nil
}
