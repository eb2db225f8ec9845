package bridge_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/events"
)

// TestSweepArmsWhatHasNoTimer: a timer that was lost is derived anew, one that
// stands is left alone, and an ended command gets none.
func TestSweepArmsWhatHasNoTimer(t *testing.T) {
	r := newRig(t)
	waiting := r.send(launch(`"requestId":"waiting"`)).Command
	ended := r.send(launch(`"requestId":"ended"`)).Command
	if _, err := r.Cancel(t.Context(), []byte(`{"id":"`+ended.ID+`"}`)); err != nil {
		t.Fatal(err)
	}
	registered, err := r.CreateCallback(t.Context(), nil, []byte(`{"requestId":"registered"}`))
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.Sweep(t.Context())
	if want := (bridge.SweepReport{Commands: 2, Open: 2, Armed: 1, Oldest: waiting.CreatedAt, Finished: true}); err != nil || report != want {
		t.Errorf("the first sweep found %+v (%v), want %+v", report, err, want)
	}
	for id, want := range map[string]bool{waiting.ID: true, ended.ID: false, registered.Command.ID: true} {
		if got, err := r.tap.Armed(t.Context(), id); err != nil || got != want {
			t.Errorf("command %s has a timer: %v (%v), want %v", id, got, err, want)
		}
	}
	if report, err = r.Sweep(t.Context()); err != nil || report.Armed != 0 || report.Open != 2 {
		t.Errorf("the second sweep found %+v (%v), want nothing to arm", report, err)
	}
}

// TestSweepFindsAClaimWithoutATimer: the command of a dead replica becomes
// outcomeUnknown although nothing but the sweep knows of it.
func TestSweepFindsAClaimWithoutATimer(t *testing.T) {
	m := new(memory)
	r := build(t, m, nil)
	c := r.send(launch(`"requestId":"claimed"`)).Command
	claimed := c
	claimed.State, claimed.Sequence, claimed.Attempt, claimed.Source = events.StateSending, 2, 1, events.SourceDispatch
	if _, err := m.Append(t.Context(), events.KindOf(events.StateSending), claimed, 1); err != nil {
		t.Fatal(err)
	}
	if report, err := r.Sweep(t.Context()); err != nil || report.Armed != 1 {
		t.Fatalf("the sweep found %+v (%v), want one to arm", report, err)
	}
	if at := m.timers[c.ID]; at.After(r.clock.Now()) {
		t.Errorf("the timer is set to %v, want at once", at)
	}
	d := bridge.Delivery{Count: 1, Alive: func() error { return nil }}
	if wait := r.Look(t.Context(), c.ID, d); wait != lease {
		t.Errorf("the first look asks to come again after %v, want the lease %v", wait, lease)
	}
	r.clock.pass(lease)
	if wait := r.Look(t.Context(), c.ID, d); wait != 0 {
		t.Errorf("the second look asks to come again after %v", wait)
	}
	if latest, err := m.Latest(t.Context(), c.ID); err != nil || latest.Command.State != events.StateOutcomeUnknown {
		t.Errorf("the command is %s (%v), want outcomeUnknown", latest.Command.State, err)
	}
}

// TestSweepReadsOnlyWhatHasNoTimer: a command with a timer is counted and not read.
func TestSweepReadsOnlyWhatHasNoTimer(t *testing.T) {
	m := new(memory)
	r := build(t, m, nil)
	var ids []string
	for i := range 3 {
		ids = append(ids, r.send(launch(fmt.Sprintf(`"requestId":"%d"`, i))).Command.ID)
	}
	m.timers = map[string]time.Time{ids[0]: r.clock.Now(), ids[1]: r.clock.Now()}
	var read []string
	r.tap.read = func(id string) error { read = append(read, id); return nil }
	report, err := r.Sweep(t.Context())
	if err != nil || report.Open != 3 || report.Armed != 1 || !slices.Equal(slices.Compact(read), ids[2:]) {
		t.Errorf("it read %v and found %+v (%v), want only %v read", read, report, err, ids[2:])
	}
}

// TestSweepKeepsAMark: commands older than the oldest open one are not read
// again; a sweep that failed keeps no mark.
func TestSweepKeepsAMark(t *testing.T) {
	m := new(memory)
	r := build(t, m, nil)
	old := r.send(launch(`"requestId":"old"`)).Command
	if _, err := r.Cancel(t.Context(), []byte(`{"id":"`+old.ID+`"}`)); err != nil {
		t.Fatal(err)
	}
	r.clock.pass(time.Hour)
	r.send(launch(`"requestId":"young"`))
	down := errors.New("down")
	r.tap.read = func(string) error { return down }
	if _, err := r.Sweep(t.Context()); !errors.Is(err, down) {
		t.Errorf("a sweep that cannot read gives %v", err)
	}
	r.tap.read = nil
	for _, all := range []bool{true, false} {
		if _, err := r.Sweep(t.Context()); err != nil || m.since.After(old.CreatedAt) == all {
			t.Errorf("the sweep reads from %v on (%v), the ended command is of %v", m.since, err, old.CreatedAt)
		}
	}
}
