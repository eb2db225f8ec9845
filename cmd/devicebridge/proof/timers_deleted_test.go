package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// TestTimersDeleted deletes every timer under commands in every kind of wait, and
// sees each of them end.
func TestTimersDeleted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sweepEvery string
		// down: the bridge is killed before, and started after.
		down bool
		// stream: the stream of the timers goes with them.
		stream bool
		// stuck: nothing finds them, and nothing ends, until the next start.
		stuck bool
	}{
		"under a running bridge":   {sweepEvery: "2s"},
		"under a dead bridge":      {sweepEvery: "1h", down: true},
		"together with the stream": {sweepEvery: "2s", stream: true},
		"and not swept":            {sweepEvery: "1h", stuck: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := within(t)
			r := newTimerRig(t, test.sweepEvery)
			bridge := r.bridges[0]
			r.start(nil)
			waiting, err := r.everyWait(ctx, test.down)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.armed(ctx, waiting); err != nil {
				t.Fatal(err)
			}
			if test.down {
				bridge.kill()
			}
			if err := r.standAt(ctx, waiting); err != nil {
				t.Fatal(err)
			}
			if test.stream {
				err = r.js.DeleteStream(ctx, r.subjects.TimerStream())
			} else {
				err = r.purgeTimers(ctx, len(waiting))
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := r.graph.SetFaults(noFaults()); err != nil {
				t.Fatal(err)
			}
			if test.stuck {
				pace(ctx, waitLife+3*time.Second)
				r.wantOpen(ctx, waiting)
				bridge.kill()
			}
			if test.stuck || test.down {
				r.start(nil)
			}
			record, err := r.settle(ctx)
			if err != nil {
				t.Fatal(err)
			}
			books, _ := r.ledger.read()
			report(t, books, record, check(books, record))
			t.Log(summary(books, record))
		})
	}
}

// wantOpen fails the test unless the check finds that none of the commands has
// ended, and nothing else.
func (r *rig) wantOpen(ctx context.Context, waiting map[string]events.Kind) {
	r.t.Helper()
	record, err := r.record(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	books, _ := r.ledger.read()
	found := check(books, record)
	for _, v := range found {
		if v.Law != open {
			report(r.t, books, record, []violation{v})
		}
	}
	if len(found) != len(waiting) {
		r.t.Errorf("the check found %v; want one open command for each of %v", found, waiting)
	}
}

// armed waits until each command has a timer.
func (r *rig) armed(ctx context.Context, waiting map[string]events.Kind) error {
	for {
		stream, err := r.js.Stream(ctx, r.subjects.TimerStream())
		if err != nil {
			return err
		}
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(r.subjects.Timers()))
		if err != nil {
			return err
		}
		missing := 0
		for id := range waiting {
			if info.State.Subjects[r.subjects.TimerAt(id)]+info.State.Subjects[r.subjects.TimerDue(id)] == 0 {
				missing++
			}
		}
		if missing == 0 {
			return nil
		}
		if !pace(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%d of %d commands have no timer: %w", missing, len(waiting), ctx.Err())
		}
	}
}

// standAt says whether the latest event of each command is of its kind.
func (r *rig) standAt(ctx context.Context, waiting map[string]events.Kind) error {
	record, err := r.record(ctx)
	if err != nil {
		return err
	}
	timelines, _ := timelinesOf(record)
	for id, kind := range waiting {
		timeline := timelines[id]
		if last := timeline[len(timeline)-1]; last.Kind != kind {
			return fmt.Errorf("command %s is at %s, want %s", id, last.Kind, kind)
		}
	}
	return nil
}

// purgeTimers deletes every timer, and fails when there were fewer than least.
func (r *rig) purgeTimers(ctx context.Context, least int) error {
	msg, err := r.js.Conn().RequestWithContext(ctx, "$JS.API.STREAM.PURGE."+r.subjects.TimerStream(), nil)
	if err != nil {
		return fmt.Errorf("purge the timers: %w", err)
	}
	var answer struct {
		Success bool
		Purged  int
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return fmt.Errorf("purge the timers: %w", err)
	}
	if !answer.Success || answer.Purged < least {
		return fmt.Errorf("purge the timers of %d commands: %s", least, msg.Data)
	}
	r.t.Logf("deleted %d timers of %d commands", answer.Purged, least)
	return nil
}
