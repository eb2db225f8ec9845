package bridge

import (
	"context"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// confirmLongest is the longest pause between two questions for one hint.
const confirmLongest = time.Hour

// hint says whether a postback is to be confirmed before its end is published.
func (b *Bridge) hint(c events.Command, o events.Observation) bool {
	return b.ConfirmPostbacks && c.Type != "" && events.StateOfStatus(o.Status).Terminal()
}

// takeHint keeps what a hint may bring by itself, which is Graph's id of the
// command, and sees to it that Graph is asked. It is durable when it returns.
func (b *Bridge) takeHint(ctx context.Context, before events.Stored, on basis, o events.Observation) error {
	after, err := b.fold(ctx, before, on, command.Observe{
		At: b.Now(), Source: events.SourcePostback, Observation: events.Observation{GraphID: o.GraphID},
	})
	if err != nil || toldByGraph(after.Command) {
		return err
	}
	if err := b.Timers.Ask(ctx, after.Command.ID, b.Now(), 1); err != nil {
		return events.Unavailable("the confirmation of this postback could not be stored; send it again")
	}
	return nil
}

// toldByGraph reports whether a command ended by a status from Graph.
func toldByGraph(c events.Command) bool {
	return c.Terminal && c.GraphStatus != "" && events.StateOfStatus(c.GraphStatus) == c.State
}

// confirm asks Graph about a command of which a postback said that it ended, for
// the try-th time, and sees to it that it is asked again if need be: Graph may be
// away, its own status may lag behind the postback it sent, and its id may not be
// known yet. It goes on, ever more slowly, as long as the callback is good.
func (b *Bridge) confirm(ctx context.Context, latest events.Stored, try int) (events.Stored, error) {
	ctx, end := b.Tracer.Step(ctx, "confirm")
	defer end()
	c := latest.Command
	switch {
	case toldByGraph(c) || c.GraphID == "" && c.Terminal:
		return latest, nil
	case c.GraphID != "":
		o, err := b.ask(ctx, c)
		if err != nil {
			b.Log.Debug("confirmation failed", "command", c.ID, "try", try, "error", err)
			break
		}
		after, err := b.observe(ctx, latest, given, command.Observe{At: b.Now(), Source: events.SourcePoll, Observation: o})
		if err != nil {
			return latest, err
		}
		if latest = after; toldByGraph(after.Command) || events.StateOfStatus(o.Status).Terminal() {
			return latest, nil
		}
	}
	next := b.Now().Add(jitter(doubled(shortPause, uint64(max(try, 1)), confirmLongest)))
	if next.After(b.callbackExpiry(c)) {
		b.Log.Warn("a postback told an end that Graph never confirmed", "command", c.ID)
		return latest, nil
	}
	return latest, b.Timers.Ask(ctx, c.ID, next, try+1)
}
