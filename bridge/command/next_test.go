package command_test

import (
	"testing"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

func TestNext(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	expires, soon, late := at.Add(time.Hour), at.Add(time.Minute), at.Add(2*time.Hour)
	timing := command.Timing{PollFirst: 30 * time.Second, PollMax: 5 * time.Minute, Grace: time.Hour}
	base := events.Command{Type: events.TypeAppService, CreatedAt: at, UpdatedAt: at, ExpiresAt: expires}
	for _, test := range []struct {
		name   string
		change func(*events.Command)
		step   command.Step
		at     time.Time
	}{
		{"accepted", func(c *events.Command) { c.State = events.StateAccepted }, command.StepSend, at},
		{"deferred", func(c *events.Command) { c.State, c.RetryAt = events.StateDeferred, &soon }, command.StepSend, soon},
		{"deferred past its end", func(c *events.Command) { c.State, c.RetryAt = events.StateDeferred, &late }, command.StepExpire, expires},
		{"sending", func(c *events.Command) { c.State = events.StateSending }, command.StepExpire, expires},
		{"unknown without id", func(c *events.Command) { c.State = events.StateOutcomeUnknown }, command.StepExpire, expires},
		{"requesting", func(c *events.Command) { c.State, c.GraphID = events.StateRequesting, "g" }, command.StepPoll, at.Add(30 * time.Second)},
		{"requesting, old news", func(c *events.Command) {
			c.State, c.GraphID, c.UpdatedAt = events.StateRequesting, "g", expires.Add(-time.Second)
		}, command.StepExpire, expires},
		{"registered and linked", func(c *events.Command) { c.State, c.GraphID, c.Type = events.StateExecuting, "g", "" }, command.StepExpire, expires},
		{"payload pending", func(c *events.Command) {
			c.State, c.Terminal, c.Response = events.StateCompleted, true, events.ResponsePending
		}, command.StepFetch, at},
		{"ended", func(c *events.Command) { c.State, c.Terminal = events.StateCompleted, true }, command.StepNone, time.Time{}},
	} {
		c := base
		test.change(&c)
		if step, when := command.Next(c, timing); step != test.step || !when.Equal(test.at) {
			t.Errorf("%s: %s at %v, want %s at %v", test.name, step, when, test.step, test.at)
		}
	}
}

func TestPollDelayGrowsToItsMaximum(t *testing.T) {
	timing := command.Timing{PollFirst: 30 * time.Second, PollMax: 5 * time.Minute, PollGrowth: 2}
	for silence, want := range map[time.Duration]time.Duration{
		0: 30 * time.Second, time.Minute: time.Minute, time.Hour: 5 * time.Minute,
	} {
		if got := timing.PollDelay(silence); got != want {
			t.Errorf("after %v of silence: %v, want %v", silence, got, want)
		}
	}
	timing.PollGrowth = 1.5
	if got := timing.PollDelay(4 * time.Minute); got != 2*time.Minute {
		t.Errorf("after 4m of silence, which grows by half: %v, want 2m", got)
	}
}
