package command

import (
	"time"

	"devicebridge/events"
)

// New gives the first event of a command: `accepted`, `registered` or
// `rejected`, as trigger OnAccept, OnRegister or OnRefuse says. c brings what the
// request said, its id, ExpiresAt and, for a refusal, Error; at is the moment of
// acceptance.
func New(c events.Command, trigger Trigger, at time.Time) Event {
	_, to := Lookup(None, trigger)
	c.CreatedAt = at.UTC()
	c.UpdatedAt = c.CreatedAt
	c.ExpiresAt = c.ExpiresAt.UTC()
	c.Sequence = 1
	c.Round = 1
	c.Source = events.SourceCaller
	c.Response = events.ResponseNone
	return Event{events.KindOf(to), enter(c, to)}
}
