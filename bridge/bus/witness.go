package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
}

// Witness keeps a word of how far the event stream got in a file of its own. A
// NATS server whose files were damaged starts all the same, without what it cannot
// read, and everything after that in the same file: commands would be found at an
// older event, and be sent again.
type Witness struct {
	b    *Bus
	file string
	said witnessed
	// every is the time between two writes.
	every time.Duration
}

// DamageError says that events are missing from the event stream.
type DamageError struct {
	Stream string
	// Missing are the stretches of sequences, such as "62-80".
	Missing []string
}

// Error names what is missing and the way out.
func (e *DamageError) Error() string {
	return fmt.Sprintf("events are missing from stream %s (sequence %s): its files are damaged, or were put back without the bridge's knowledge. "+
		"Commands may look unsent that were sent. Restore a backup, or start with BRIDGE_DISPATCH=paused, which takes the loss as known, "+
		"run `devicebridge quarantine --before now`, and start again", e.Stream, strings.Join(e.Missing, ", "))
}

// Witness looks at every event of the event stream and holds them against what file says of
// it. The error is a *DamageError if events are missing, unless accept takes the
// loss as known from now on. It is for a store that nobody else writes.
func (b *Bus) Witness(ctx context.Context, file string, accept bool) (*Witness, error) {
	w := &Witness{b: b, file: file, every: 5 * time.Second}
	if err := w.read(); err != nil {
		return nil, err
	}
	// The files can show that everything is there. What is not, NATS has to say.
	found, err := b.survey(ctx, w.said, b.files)
	if err != nil {
		b.log.Debug("the files of the event stream do not show that it is whole; it is read through", "error", err)
	}
	for try := 0; try < surveyTries && (err != nil || len(found.missing) > 0); try++ {
		// Events may have left by their age meanwhile, and a slow disk is no damage.
		found, err = b.survey(ctx, w.said, b.delivered)
	}
	if err != nil {
		return nil, fmt.Errorf("read the event stream: %w", err)
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
	return w, w.write()
}

// surveyTries is how often the stream is read before events count as missing.
const surveyTries = 3

// Keep notes every few seconds how far the stream got, until ctx ends.
func (w *Witness) Keep(ctx context.Context) {
	for pause(ctx, w.every) == nil {
		if err := w.Note(); err != nil {
			// As full as a disk may be: what is in the file then is only older.
			w.b.log.Warn("the witness of the event stream is not written", "error", err)
		}
	}
}

// Note writes the file if there is something new.
func (w *Witness) Note() error {
	last := w.b.acked.Load()
	if last <= w.said.Last {
		return nil
	}
	w.said.Last = last
	return w.write()
}

func (w *Witness) read() error {
	text, err := os.ReadFile(w.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &w.said)
	}
	if err != nil {
		return fmt.Errorf("the witness of the event stream: %w; if it is lost, remove %s", err, w.file)
	}
	return nil
}

// write replaces the file as a whole.
func (w *Witness) write() error {
	text, err := json.Marshal(w.said)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(w.file), ".witness-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(append(text, '\n'))
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), w.file)
}
