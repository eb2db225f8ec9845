package bus_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// often is how often a watch of a test looks.
const often = 50 * time.Millisecond

// change is a trouble that began or ended.
type change struct {
	trouble bus.Trouble
	began   bool
}

// watching runs a watch beside the test, waits for its first word on each
// trouble and gives the changes after it.
func watching(t *testing.T, b *bus.Bus, streams bus.StreamOptions) <-chan change {
	t.Helper()
	changes := make(chan change, 100)
	running(t, func(ctx context.Context) error {
		return b.Watch(ctx, bus.WatchOptions{Streams: streams, Every: often, Observe: func(tr bus.Trouble, began bool) {
			changes <- change{tr, began}
		}})
	})
	for _, tr := range bus.AllTroubles() {
		wantChange(t, changes, tr, false)
	}
	return changes
}

func wantChange(t *testing.T, changes <-chan change, tr bus.Trouble, began bool) {
	t.Helper()
	want := change{tr, began}
	if got := receive(t, "change of a trouble", changes); got != want {
		t.Fatalf("change %+v, want %+v", got, want)
	}
}

// untilCalm waits until no trouble is left.
func untilCalm(t *testing.T, b *bus.Bus) {
	t.Helper()
	until(t, "an end of the troubles", func() bool { return len(b.Troubles()) == 0 })
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// count gives how many lines have all the parts.
func (l *lockedBuffer) count(parts ...string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			n++
		}
	}
	return n
}

// wantToldOnce fails unless the log tells once of the beginning of a trouble and
// once of its end.
func (l *lockedBuffer) wantToldOnce(t *testing.T, level string, tr bus.Trouble) {
	t.Helper()
	name := "trouble=" + string(tr)
	if l.count(name) != 2 || l.count("level="+level, name, "help=", "detail=") != 1 || l.count("level=INFO", name, "lasted=") != 1 {
		t.Errorf("want one %s line for the beginning of %s and one info line for its end:\n%s", level, tr, l)
	}
}

// storing fails unless an append is acknowledged and read back.
func storing(t *testing.T, b *bus.Bus) {
	t.Helper()
	id := events.RandomCommandID()
	seq := appended(t, b, id, 1)
	if latest, err := b.Latest(within(t), id); err != nil || latest.Sequence != seq {
		t.Errorf("stored %d, read %d, %v", seq, latest.Sequence, err)
	}
}

// changed changes the event stream, as an operator may.
func changed(t *testing.T, js jetstream.JetStream, b *bus.Bus, change func(*jetstream.StreamConfig)) {
	t.Helper()
	stream, err := js.Stream(within(t), b.Subjects().EventStream())
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	change(&config)
	if _, err := js.UpdateStream(within(t), config); err != nil {
		t.Fatal(err)
	}
}

// configured gives the configuration of the event stream.
func configured(t *testing.T, js jetstream.JetStream, b *bus.Bus) jetstream.StreamConfig {
	t.Helper()
	stream, err := js.Stream(within(t), b.Subjects().EventStream())
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().Config
}
