package bridge

import (
	"testing"
	"time"

	"devicebridge/events"
)

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
