//go:build crash

package bus_test

import (
	"testing"

	"devicebridge/events"
)

// TestAppendWithoutNonce: with the rule switched off, two win the same step. The
// proof must be able to see that.
func TestAppendWithoutNonce(t *testing.T) {
	t.Setenv("CRASH_WITHOUT", "nonce")
	b, _ := start(t)
	id := numbered(1)
	first, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(id, 1), 0)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := b.Append(within(t), events.KindOf(events.StateExecuting), record(id, 1), 0); err != nil || second != first {
		t.Errorf("the loser got %d, %v, want that it takes %d for its own", second, err, first)
	}
}
