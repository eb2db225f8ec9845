package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// fakeStream stores what reaches it and answers when it is let go.
type fakeStream struct {
	mu       sync.Mutex
	last     map[string]uint64 // by command
	next     uint64
	batches  [][]string
	singles  []string
	open     chan struct{} // an append alone waits for it; nil: it does not
	failure  error         // of the next batch
	nameless bool          // it does not tell whose append a batch was refused for
}

func (f *fakeStream) alone(ctx context.Context, e *entry) (uint64, error) {
	if f.open != nil {
		select {
		case <-f.open:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.singles = append(f.singles, e.command)
	if f.last[e.command] != e.expected {
		return 0, wrongSequence(f.last[e.command])
	}
	f.next++
	f.last[e.command] = f.next
	return f.next, nil
}

func wrongSequence(last uint64) *jetstream.APIError {
	return &jetstream.APIError{ErrorCode: codeWrongSequence, Description: fmt.Sprintf("wrong last sequence: %d", last)}
}

func (f *fakeStream) together(batch []*entry) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var commands []string
	for _, e := range batch {
		commands = append(commands, e.command)
	}
	f.batches = append(f.batches, commands)
	if err := f.failure; err != nil {
		f.failure = nil
		return 0, err
	}
	for _, e := range batch {
		if f.last[e.command] != e.expected {
			return 0, wrongSequence(f.last[e.command])
		}
	}
	first := f.next + 1
	for _, e := range batch {
		f.next++
		f.last[e.command] = f.next
	}
	return first, nil
}

func (f *fakeStream) culprit(err error) (string, bool) {
	api, refused := errors.AsType[*jetstream.APIError](err)
	if !refused || f.nameless {
		return "", refused
	}
	for command, last := range f.last {
		if api.Description == wrongSequence(last).Description {
			return command, true
		}
	}
	return "", true
}

// appending is appends under way.
type appending struct {
	t       *testing.T
	g       *group
	running sync.WaitGroup
	mu      sync.Mutex
	got     map[string]result
}

func newAppending(t *testing.T, f *fakeStream) *appending {
	f.last = map[string]uint64{}
	return &appending{t: t, g: newGroup(f), got: map[string]result{}}
}

func (a *appending) begin(ctx context.Context, name, command string, expected uint64) {
	a.running.Go(func() {
		sequence, err := a.g.publish(ctx, newEntry(&nats.Msg{Header: nats.Header{}}, command, expected))
		a.mu.Lock()
		defer a.mu.Unlock()
		a.got[name] = result{sequence, err}
	})
	synctest.Wait()
}

// fill begins as many as go alone, and more that wait.
func (a *appending) fill(more int) {
	for i := range groupAlone + more {
		name := fmt.Sprint("fill", i)
		a.begin(a.t.Context(), name, name, 0)
	}
}

// end lets all go and asks that nothing is left in the group.
func (a *appending) end(f *fakeStream) {
	close(f.open)
	a.running.Wait()
	if a.g.flying != 0 || len(a.g.singles) != 0 || len(a.g.queue) != 0 || a.g.batched {
		a.t.Errorf("left in the group: %+v", a.g)
	}
}

func (a *appending) wantStored(names ...string) {
	a.t.Helper()
	for _, name := range names {
		if r := a.got[name]; r.err != nil || r.sequence == 0 {
			a.t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestFewAppendsGoAloneAndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStream{open: make(chan struct{})}
		a := newAppending(t, f)
		a.fill(groupFrom - 1)
		if a.g.flying != groupAlone || len(a.g.queue) != groupFrom-1 {
			t.Errorf("%d are under way and %d wait", a.g.flying, len(a.g.queue))
		}
		a.end(f)
		if len(f.batches) != 0 || len(f.singles) != groupAlone+groupFrom-1 {
			t.Errorf("%d batches, %d alone", len(f.batches), len(f.singles))
		}
		a.wantStored("fill0", fmt.Sprint("fill", groupAlone+groupFrom-2))
	})
}

func TestManyAppendsGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStream{open: make(chan struct{})}
		a := newAppending(t, f)
		a.fill(groupFrom)
		if len(f.batches) != 1 || len(f.batches[0]) != groupFrom || len(f.singles) != 0 {
			t.Fatalf("batches %v, alone %v", f.batches, f.singles)
		}
		for i := range groupFrom {
			name := fmt.Sprint("fill", groupAlone+i)
			if r := a.got[name]; r.sequence != f.last[name] || r.err != nil {
				t.Errorf("%s: %+v, stored as %d", name, r, f.last[name])
			}
		}
		a.end(f)
	})
}

// TestNoBatchHasTwoOfOneCommand, which the server would store both.
func TestNoBatchHasTwoOfOneCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStream{open: make(chan struct{})}
		a := newAppending(t, f)
		a.fill(groupFrom - 3)
		a.begin(t.Context(), "twin", "fill20", 0)   // fill20 waits
		a.begin(t.Context(), "other", "fill0", 0)   // fill0 is under way alone
		a.begin(t.Context(), "more", "more", 0)     // one less than a batch
		a.begin(t.Context(), "enough", "enough", 0) // the batch
		if len(f.batches) != 0 {
			t.Fatalf("%v went with %d that could", f.batches, groupFrom-1)
		}
		a.begin(t.Context(), "last", "last", 0)
		if len(f.batches) != 1 || len(f.batches[0]) != groupFrom {
			t.Fatalf("batches %v", f.batches)
		}
		if !errors.Is(a.got["twin"].err, errOvertaken) {
			t.Errorf("the twin: %+v, want it told without the server", a.got["twin"])
		}
		a.end(f)
		a.wantStored("fill20", "more", "enough", "last")
		if (a.got["fill0"].err == nil) == (a.got["other"].err == nil) {
			t.Errorf("of two alone at once one wins: %+v, %+v", a.got["fill0"], a.got["other"])
		}
	})
}

// TestARefusedBatch is stored without the append that it was refused for.
func TestARefusedBatch(t *testing.T) {
	for name, test := range map[string]struct {
		stale    []string
		nameless bool
		failure  error
		batches  int
		alone    int
	}{
		"one is stale":              {stale: []string{"fill20"}, batches: 2, alone: 1},
		"two are stale":             {stale: []string{"fill20", "fill22"}, batches: 2, alone: groupFrom},
		"it is not told which":      {stale: []string{"fill20"}, nameless: true, batches: 1, alone: groupFrom},
		"for want of room, say":     {failure: &jetstream.APIError{ErrorCode: codeStoreFailed}, batches: 1, alone: groupFrom},
		"the leader's own is stale": {stale: []string{fmt.Sprint("fill", groupAlone)}, batches: 2, alone: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeStream{open: make(chan struct{}), nameless: test.nameless, failure: test.failure}
				a := newAppending(t, f)
				for i, command := range test.stale {
					f.last[command] = uint64(1000 + i)
				}
				a.fill(groupFrom - 1)
				a.begin(t.Context(), "the last", "the last", 0)
				a.end(f)
				if len(f.batches) != test.batches || len(f.singles) != groupAlone+test.alone {
					t.Errorf("%d batches, %d alone", len(f.batches), len(f.singles))
				}
				for name, r := range a.got {
					stale := false
					for _, command := range test.stale {
						stale = stale || command == name
					}
					if (r.err != nil) != stale {
						t.Errorf("%s: %+v", name, r)
					}
				}
			})
		})
	}
}

// TestABatchWithoutAnAnswer tells all of it that nothing is known.
func TestABatchWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("no answer")
		f := &fakeStream{open: make(chan struct{}), failure: lost}
		a := newAppending(t, f)
		a.fill(groupFrom)
		for i := range groupFrom {
			if r := a.got[fmt.Sprint("fill", groupAlone+i)]; !errors.Is(r.err, lost) {
				t.Errorf("%d: %+v", i, r)
			}
		}
		a.end(f)
	})
}

// TestWhoWaitsNoLonger leaves the group as it was.
func TestWhoWaitsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStream{open: make(chan struct{})}
		a := newAppending(t, f)
		a.fill(groupFrom - 1)
		ctx, cancel := context.WithCancel(t.Context())
		a.g.mu.Lock() // so that it comes after the next
		a.running.Go(func() {
			_, err := a.g.publish(ctx, newEntry(&nats.Msg{Header: nats.Header{}}, "tired", 0))
			a.mu.Lock()
			defer a.mu.Unlock()
			a.got["tired"] = result{err: err}
		})
		cancel()
		a.g.mu.Unlock()
		a.running.Go(func() {})
		synctest.Wait()
		a.end(f)
		if r := a.got["tired"]; r.err == nil && r.sequence == 0 {
			t.Errorf("%+v", r)
		}
		a.wantStored("fill0", fmt.Sprint("fill", groupAlone+groupFrom-2))
	})
}

// TestNothingIsProvenOfABatchWithoutAnAnswer: what a server stored of one that it broke
// off can be read back, but is not on disk.
func TestNothingIsProvenOfABatchWithoutAnAnswer(t *testing.T) {
	tries := 0
	b := &Bus{log: slog.New(slog.DiscardHandler)}
	_, err := b.store(t.Context(), write{what: "the stream", publish: func(context.Context) (uint64, error) {
		tries++
		return 0, errors.Join(errBatchOpen, context.DeadlineExceeded)
	}})
	// A bus that asked the leader would say that it does not answer: it has none here.
	if !events.HasCode(err, events.CodeUnavailable) || !strings.Contains(err.Error(), "did not confirm in time") || tries != 1 {
		t.Errorf("%d tries end with %v", tries, err)
	}
}
