package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// witnessed is what is kept about the event stream beside the store.
type witnessed struct {
	Stream  string    `json:"stream"`
	Created time.Time `json:"created"`
	// First is the first sequence there was at the last start, and when that event
	// was stored.
	First   uint64    `json:"first"`
	FirstAt time.Time `json:"firstAt"`
	// MaxAge is how long events were kept then.
	MaxAge time.Duration `json:"maxAge"`
	// Last is the highest sequence that was acknowledged.
	Last uint64 `json:"last"`
	// Accepted: up to this sequence, what is missing is known to the operator.
	Accepted uint64 `json:"accepted,omitempty"`
	// Noted is when the bridge last wrote this.
	Noted time.Time `json:"noted,omitzero"`
	// Streams are the streams that the store had then.
	Streams []string `json:"streams,omitempty"`
}

// witnessFile is the content of the witness' file: the event stream of this subject
// prefix, and those of other prefixes that used the same store.
type witnessFile struct {
	witnessed
	Others []witnessed `json:"others,omitempty"`
}

// of returns what the file says of an event stream, and whether it says anything.
func (f witnessFile) of(stream string) (witnessed, bool) {
	for _, said := range append([]witnessed{f.witnessed}, f.Others...) {
		if said.Stream == stream {
			return said, true
		}
	}
	return witnessed{}, false
}

// without returns what the file says of other event streams.
func (f witnessFile) without(stream string) []witnessed {
	return slices.DeleteFunc(append([]witnessed{f.witnessed}, f.Others...), func(said witnessed) bool {
		return said.Stream == stream || said.Stream == ""
	})
}

// readWitness reads the file; without one it says nothing.
func readWitness(file string) (said witnessFile, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return said, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	if err != nil {
		return witnessFile{}, fmt.Errorf("the witness of the event stream: %w; put it back, or, if it is lost, remove %s and start with BRIDGE_DISPATCH=paused, "+
			"run `devicebridge quarantine --before now`, and start again", err, file)
	}
	return said, nil
}

// Witness keeps a word of how far the event stream got in a file of its own. A
// NATS server whose files were damaged starts all the same, without what it cannot
// read, and everything after that in the same file: commands would be found at an
// older event, and be sent again.
type Witness struct {
	b    *Bus
	file string
	// mu is held while said is changed or the file is written.
	mu     sync.Mutex
	said   witnessed
	others []witnessed
	// every is the time between two writes, idle the time between two where nothing is
	// new but the time.
	every, idle time.Duration
	// began is when said was read, and keeps its monotonic time: the time that is noted
	// does not follow a clock that leaps.
	began time.Time
}

// DamageError says that events are missing from the event stream.
type DamageError struct {
	Stream string
	// Missing are the stretches of sequences, such as "62-80".
	Missing []string
	// Reason says why, where that is not known by sequences.
	Reason string
}

// Error names what is missing and the way out.
func (e *DamageError) Error() string {
	what := fmt.Sprintf("events are missing from stream %s (sequence %s): its files are damaged, or were put back without the bridge's knowledge. ", e.Stream, strings.Join(e.Missing, ", "))
	if e.Reason != "" {
		what = fmt.Sprintf("stream %s is not as the bridge left it: %s. ", e.Stream, e.Reason)
	}
	return what + "Commands may look unsent that were sent. Restore a backup, or start with BRIDGE_DISPATCH=paused, which takes the loss as known, " +
		"run `devicebridge quarantine --before now`, and start again"
}

// Witness looks at every event of the event stream and holds them against what file says of
// it. The error is a *DamageError if events are missing, unless accept takes the
// loss as known from now on. It is for a store that nobody else writes.
func (b *Bus) Witness(ctx context.Context, file string, accept bool) (*Witness, error) {
	w := &Witness{b: b, file: file, every: 5 * time.Second, idle: 10 * time.Minute, began: time.Now()}
	kept, err := readWitness(file)
	switch {
	case err != nil && !accept:
		return nil, err
	case err != nil:
		b.log.Error("the witness of the event stream cannot be read; this is taken as known from now on", "error", err)
	}
	w.said, _ = kept.of(b.subjects.EventStream())
	w.others = kept.without(b.subjects.EventStream())
	found, err := b.surveyed(ctx, w.said)
	if err != nil {
		return nil, err
	}
	if len(found.missing) > 0 {
		damage := &DamageError{Stream: found.said.Stream, Missing: found.missing}
		if !accept {
			return nil, damage
		}
		b.log.Error("events are missing from the event stream; this is taken as known from now on", "stream", damage.Stream, "sequences", strings.Join(damage.Missing, ", "))
		found.said.Accepted = found.said.Last
	}
	w.said = found.said
	b.acknowledged(w.said.Last)
	b.witness.Store(w)
	return w, w.write(ctx, w.said)
}

// surveyed holds the event stream against what a witness said of it.
func (b *Bus) surveyed(ctx context.Context, said witnessed) (survey, error) {
	// The files can show that everything is there. What is not, NATS has to say.
	found, err := b.survey(ctx, said, b.files)
	if err != nil {
		b.log.Debug("the files of the event stream do not show that it is whole; it is read through", "error", err)
	}
	for try := 0; try < surveyTries && (err != nil || len(found.missing) > 0); try++ {
		// Events may have left by their age meanwhile, and a slow disk is no damage.
		found, err = b.survey(ctx, said, b.delivered)
	}
	if err != nil {
		return survey{}, fmt.Errorf("read the event stream: %w", err)
	}
	return found, nil
}

// surveyTries is how often the stream is read before events count as missing.
const surveyTries = 3

// Keep notes every few seconds how far the stream got, until ctx ends.
func (w *Witness) Keep(ctx context.Context) {
	for pause(ctx, w.every) == nil {
		if err := w.Note(ctx); err != nil && ctx.Err() == nil {
			// As full as a disk may be: what is in the file then is only older.
			w.b.log.Warn("the witness of the event stream is not written", "error", err)
		}
	}
}

// Note writes the file if there is something new.
func (w *Witness) Note(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.b.acked.Load()
	if last <= w.said.Last && w.time().Sub(w.said.Noted) < w.idle {
		return nil
	}
	next := w.said
	next.Last = max(next.Last, last)
	return w.write(ctx, next)
}

// time returns what time it is by the clock of the start.
func (w *Witness) time() time.Time { return w.began.Add(time.Since(w.began)).Round(0) }

// write replaces the file as a whole. After a power cut it is the old one or the new
// one. Where it fails nothing counts as said.
func (w *Witness) write(ctx context.Context, next witnessed) error {
	next.Noted = w.time()
	if list, err := w.b.storedStreams(ctx); err == nil { // else those of before
		next.Streams = list
	}
	text, err := json.Marshal(witnessFile{next, w.others})
	if err != nil {
		return err
	}
	dir := filepath.Dir(w.file)
	temporary, err := os.CreateTemp(dir, ".witness-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(append(text, '\n'))
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), w.file); err != nil {
		return err
	}
	if err := syncDirectory(dir); err != nil {
		return err
	}
	w.said = next
	return nil
}

// storedStreams returns the names of this prefix' streams that there are beside the
// event stream.
func (b *Bus) storedStreams(ctx context.Context) ([]string, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	ours := names(declared(b.subjects, StreamOptions{Inventory: true}))
	var list []string
	lister := b.js.StreamNames(ctx)
	for name := range lister.Name() {
		if name != b.subjects.EventStream() && slices.Contains(ours, name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list, lister.Err()
}
