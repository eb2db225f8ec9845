package command

import "devicebridge/events"

// erased gives what stays of c, the step that follows from in. It is made anew, so
// that a member is kept only where it is named here. DeviceID is kept because the
// event's subject has it: who follows one device has to hear of the erasure, too.
// RequestSHA256 is not: from a digest a short payload can be guessed.
func erased(c events.Command, in Erase) events.Command {
	return events.Command{
		ID:        c.ID,
		DeviceID:  c.DeviceID,
		Round:     c.Round,
		Response:  events.ResponseNone,
		Sequence:  c.Sequence,
		Attempt:   c.Attempt,
		Source:    c.Source,
		CreatedAt: c.CreatedAt,
		UpdatedAt: c.UpdatedAt,
		ExpiresAt: c.ExpiresAt,
		Erased:    &events.Erasure{State: c.State, Reason: in.Reason, Events: in.Events},
	}
}
