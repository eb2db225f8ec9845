package bridge

import (
	"context"

	"devicebridge/bridge/command"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// confirmTries is how often a hint asks Graph before it leaves the command to
// its ordinary polls.
const confirmTries = 8

// hint says whether a postback is to be confirmed before its end is published.
func (b *Bridge) hint(c events.Command, o events.Observation) bool {
	return b.ConfirmPostbacks && c.Type != "" && events.StateOfStatus(o.Status).Terminal()
}

// takeHint keeps what a hint may bring by itself, which is Graph's id of the
// command, and sees to it that Graph is asked. It is durable when it returns: a
// hint without Graph's id has nothing that could be asked for, and the command
// goes on as if it had not come.
func (b *Bridge) takeHint(ctx context.Context, before events.Stored, o events.Observation) error {
	after, err := b.fold(ctx, before, true, command.Observe{
		At: b.Now(), Source: events.SourcePostback, Observation: events.Observation{GraphID: o.GraphID},
	})
	if err != nil {
		return err
	}
	c := after.Command
	if c.GraphID == "" {
		b.Log.Info("postback not confirmed: Graph's id of the command is not known, so that Graph cannot be asked", "command", c.ID)
		return nil
	}
	if toldByGraph(c) {
		return nil
	}
	if err := b.Timers.Ask(ctx, c.ID); err != nil {
		return events.Unavailable("the confirmation of this postback could not be stored; send it again")
	}
	return nil
}

// toldByGraph reports whether a command ended by a status from Graph.
func toldByGraph(c events.Command) bool {
	return c.Terminal && c.GraphStatus != "" && events.StateOfStatus(c.GraphStatus) == c.State
}

// confirm asks Graph about a command of which a postback said that it ended.
func (b *Bridge) confirm(ctx context.Context, latest events.Stored, d Delivery) (done events.Stored, again bool) {
	c := latest.Command
	if c.GraphID == "" || toldByGraph(c) {
		return latest, false
	}
	o, err := b.Observer.Command(ctx, c.DeviceID, c.GraphID)
	if err != nil {
		if !graph.IsNotFound(err) {
			b.Log.Warn("confirmation failed", "command", c.ID, "error", err)
		}
		return latest, d.Count < confirmTries
	}
	after, err := b.observe(ctx, latest, false, command.Observe{At: b.Now(), Source: events.SourcePoll, Observation: o})
	if err != nil {
		return latest, events.HasCode(err, events.CodeUnavailable) || d.Count < confirmTries
	}
	// Graph's own status may lag behind the postback that it sent.
	return after, !after.Command.Terminal && d.Count < confirmTries
}
