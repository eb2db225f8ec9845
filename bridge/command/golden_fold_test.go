package command_test

import (
	"strings"
	"testing"

	"devicebridge/events"
	"devicebridge/schemas/validate"
)

// TestGoldenLogsReadAndWriteAlike decodes every kept event and encodes it again,
// to the byte: a new member has to be one that old records leave out.
func TestGoldenLogsReadAndWriteAlike(t *testing.T) {
	for _, log := range goldenLogs(t, goldenVersions(t)...) {
		for _, kept := range log.events() {
			if kind, c := kept.decode(t); !encodeEvent(t, kind, c).equal(kept) {
				t.Errorf("%s: read and written again\n%s\nbecomes\n%s", log.name, kept, encodeEvent(t, kind, c))
			}
		}
	}
}

// TestGoldenLogsAreFoldedAlike folds the kept inputs again: from the first record,
// and as an upgraded replica does that finds any other of the log's records as
// the latest in the stream.
func TestGoldenLogsAreFoldedAlike(t *testing.T) {
	for _, log := range goldenLogs(t, append(goldenVersions(t), goldenFuture())...) {
		t.Run(strings.TrimPrefix(log.name, goldenDir+"/"), func(t *testing.T) {
			t.Parallel()
			log.fold(t, events.Command{}, 0, 0)
			for i, step := range log.Steps {
				for j, kept := range step.Events {
					_, c := kept.decode(t)
					log.fold(t, c, i, j+1)
				}
			}
		})
	}
}

// fold goes on from c, the record before the event-th event of that step, with the
// rest of the log, and asks for the kept events.
func (log goldenLog) fold(t *testing.T, c events.Command, step, event int) {
	t.Helper()
	from := c.EventID()
	for i := step; i < len(log.Steps); i++ {
		in, want := log.Steps[i].Input, log.Steps[i].Events[event:]
		event = 0
		if in == nil {
			for _, kept := range want {
				_, c = kept.decode(t)
			}
			continue
		}
		if in.begins() && c.Sequence > 0 {
			continue
		}
		got := in.follow(t, c)
		if len(got) != len(want) {
			t.Fatalf("from %s, step %d (%s) gives %d events, want %d", from, i, in.Kind, len(got), len(want))
		}
		for j, e := range got {
			if is := encodeEvent(t, e.Kind, e.Command); !is.equal(want[j]) {
				t.Fatalf("from %s, step %d (%s) gives\n%s\nwant\n%s", from, i, in.Kind, is, want[j])
			}
			c = e.Command
		}
	}
}

func TestGoldenLogsFitTheSchema(t *testing.T) {
	set, err := validate.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range goldenLogs(t, goldenVersions(t)...) {
		for _, e := range log.events() {
			if err := set.Validate("command", e.Record); err != nil {
				t.Errorf("%s: %s: %v", log.name, e.Header["ce-id"], err)
			}
		}
	}
}

func (log goldenLog) events() []goldenEvent {
	var all []goldenEvent
	for _, step := range log.Steps {
		all = append(all, step.Events...)
	}
	return all
}
