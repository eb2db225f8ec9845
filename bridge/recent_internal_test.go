package bridge

import (
	"strings"
	"testing"
	"time"

	"devicebridge/events"
)

func TestRecentKeepsTheLatestOfSmallCommandsUnderWay(t *testing.T) {
	r := newRecent()
	event := func(sequence uint64, state events.State) events.Stored {
		return events.Stored{Sequence: sequence, Command: events.Command{ID: "a", State: state, Terminal: state.Terminal()}}
	}
	sequence := func() uint64 {
		found, _ := r.find("a")
		return found.Sequence
	}
	r.keep(event(5, events.StateExecuting))
	r.keep(event(4, events.StateSentToTarget)) // stored before, told later
	if got := sequence(); got != 5 {
		t.Errorf("event %d is remembered, want 5", got)
	}
	r.keep(event(6, events.StateCompleted))
	if got := sequence(); got != 0 {
		t.Errorf("event %d of a command that ended is remembered", got)
	}
	large := event(7, events.StateAccepted)
	large.Command.Payload = []byte(strings.Repeat(" ", maxRecentSize+1))
	r.keep(event(6, events.StateAccepted))
	r.keep(large)
	if got := sequence(); got != 0 {
		t.Errorf("event %d is remembered, though a later one, which is too large, is known", got)
	}
	r.keep(event(8, events.StateSending))
	r.forget("a")
	if got := sequence(); got != 0 {
		t.Errorf("event %d was to be forgotten", got)
	}
}

func TestRecallGivesOnlyTheDeliveredEvent(t *testing.T) {
	b := &Bridge{recent: newRecent()}
	c := events.Command{ID: "c", Sequence: 1, DeviceID: "d", UpdatedAt: time.Unix(1, 5)}
	header, _, err := events.Subjects{}.Encode("accepted", c)
	if err != nil {
		t.Fatal(err)
	}
	later, newer := c, c
	later.UpdatedAt, newer.Sequence = time.Unix(1, 6), 2
	for name, is := range map[string]struct {
		event events.Stored
		want  bool
	}{
		"it": {events.Stored{Sequence: 7, Command: c}, true}, "at another place": {events.Stored{Sequence: 8, Command: c}, false},
		"of a stream that was made anew": {events.Stored{Sequence: 7, Command: later}, false}, "the next": {events.Stored{Sequence: 7, Command: newer}, false},
	} {
		b.recent.events.Add("c", is.event)
		if _, got := b.Recall("c", 7, header); got != is.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if _, got := b.Recall("other", 7, header); got {
		t.Error("a command that is not remembered was")
	}
}
