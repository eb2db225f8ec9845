package proof

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
)

// transcript keeps what one run of a program writes, line by line.
type transcript struct {
	mu      sync.Mutex
	rest    []byte
	lines   []string
	changed chan struct{}
}

func newTranscript() *transcript { return &transcript{changed: make(chan struct{})} }

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, p...)
	for {
		line, rest, found := bytes.Cut(t.rest, []byte("\n"))
		if !found {
			break
		}
		t.lines, t.rest = append(t.lines, string(line)), rest
	}
	close(t.changed)
	t.changed = make(chan struct{})
	return len(p), nil
}

// find gives the first line that holds words, and a channel that is closed when
// there is more to read.
func (t *transcript) find(words string) (line string, found bool, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.lines, func(l string) bool { return strings.Contains(l, words) })
	if i < 0 {
		return "", false, t.changed
	}
	return t.lines[i], true, nil
}

// await gives the first line that holds words, written before or from now on;
// false when ctx or the program ends without it.
func (t *transcript) await(ctx context.Context, exited <-chan struct{}, words string) (string, bool) {
	for {
		line, found, changed := t.find(words)
		if found {
			return line, true
		}
		select {
		case <-changed:
		case <-exited:
			line, found, _ := t.find(words) // its last words
			return line, found
		case <-ctx.Done():
			return "", false
		}
	}
}

// tail gives the last n lines.
func (t *transcript) tail(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines[max(0, len(t.lines)-n):])
}
