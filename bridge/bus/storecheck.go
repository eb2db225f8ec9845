package bus

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/highwayhash"
)

// clockLeap is how far the clock may be ahead of the time at which the bridge last
// ran before a start asks whether it is right.
const clockLeap = 24 * time.Hour

// ClockError says that the clock is far ahead of the time at which the bridge last
// ran: it is wrong, or the bridge did not run for that long. A server that opens the
// store removes at once what is too old by the clock.
type ClockError struct {
	// Noted is when the bridge last ran, Now what the clock says.
	Noted, Now time.Time
}

// Error names both times and the way out.
func (e *ClockError) Error() string {
	const day = 24 * time.Hour
	return fmt.Sprintf("the clock says %s, and the bridge last ran at %s: %d days earlier. Events that are too old by this clock would be removed at once, "+
		"so the store was not opened. If the clock is wrong, set it right. If the bridge did not run for that long, start it once with BRIDGE_DISPATCH=paused, "+
		"which takes the clock as right, and start it again without", e.Now.UTC().Format(time.RFC3339), e.Noted.UTC().Format(time.RFC3339), e.Now.Sub(e.Noted)/day)
}

// checkStore holds the files of the store against what the witness says of them,
// before a server opens them: a server leaves out a stream whose metafile it cannot
// read, a stream that is then made takes its place, and what is too old by the clock
// is removed. The error is a *DamageError or a *ClockError.
func (o ServerOptions) checkStore(now time.Time) error {
	if o.Witness == "" {
		return nil
	}
	if o.AcceptLoss {
		return o.setAside()
	}
	stream := o.Subjects.EventStream()
	file, err := readWitness(o.Witness)
	if err != nil {
		return err
	}
	said, known := file.of(stream)
	if !known {
		if !holdsMessages(blocksIn(o.Dir, stream)) {
			return nil
		}
		return &DamageError{Stream: stream, Reason: "there is no witness " + o.Witness + " beside the events, so it cannot be known whether some are missing"}
	}
	if said.Last == 0 {
		return nil // there was nothing to lose
	}
	for _, name := range append([]string{stream}, said.Streams...) {
		if reason := metafileFault(streamIn(o.Dir, name), name); reason != "" {
			return &DamageError{Stream: name, Reason: reason}
		}
	}
	if !said.Noted.IsZero() && now.Sub(said.Noted) >= clockLeap {
		return &ClockError{Noted: said.Noted, Now: now}
	}
	return nil
}

// setAside renames metafiles that a server cannot read. It would make the stream again
// over what is there, but not write them again, and leave it out at its next start.
func (o ServerOptions) setAside() error {
	entries, err := os.ReadDir(streamIn(o.Dir, ""))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the store: %w", err)
	}
	var faults []error
	for _, e := range entries {
		dir := streamIn(o.Dir, e.Name())
		reason := metafileFault(dir, e.Name())
		if reason == "" || strings.HasPrefix(e.Name(), ".") { // one that is being deleted
			continue
		}
		o.Log.Error("a stream is not as the bridge left it; this is taken as known from now on", "stream", e.Name(), "reason", reason)
		for _, name := range []string{"meta.inf", "meta.sum"} {
			err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, name+".damaged"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				faults = append(faults, err)
			}
		}
	}
	return errors.Join(faults...)
}

// checkClock returns a *ClockError where the clock has leapt ahead since the store was
// first opened: a server that opens it now would remove what is too old by the clock.
func (s *Server) checkClock() error {
	now, is := s.o.Now().Round(0), s.beganAt.Add(time.Since(s.began)).Round(0)
	if now.Sub(is) < clockLeap {
		return nil
	}
	return &ClockError{Noted: is, Now: now}
}

// metafileFault says why a NATS server would leave out the stream in a directory;
// empty: it would not.
func metafileFault(dir, stream string) string {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "its directory " + dir + " is gone"
	}
	meta, sum := filepath.Join(dir, "meta.inf"), filepath.Join(dir, "meta.sum")
	text, err := os.ReadFile(meta)
	if err != nil {
		return fmt.Sprintf("its metafile cannot be read: %v", err)
	}
	want, err := os.ReadFile(sum)
	if err != nil {
		return fmt.Sprintf("the checksum of its metafile cannot be read: %v", err)
	}
	key := sha256.Sum256([]byte(stream))
	hash, err := highwayhash.New64(key[:])
	if err != nil {
		return err.Error()
	}
	_, _ = hash.Write(text) // never fails
	if hex.EncodeToString(hash.Sum(nil)) != string(want) {
		return "its metafile " + meta + " does not have the checksum that " + sum + " says"
	}
	var config struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(text, &config); err != nil || config.Name != stream {
		return "its metafile " + meta + " is not that of this stream"
	}
	return ""
}

// holdsMessages reports whether the directory of a stream's messages has a file
// with something in it.
func holdsMessages(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".blk") && info.Size() > 0 {
			return true
		}
	}
	return false
}
