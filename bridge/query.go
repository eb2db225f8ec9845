package bridge

import (
	"context"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/command"
	"devicebridge/bridge/decode"
	"devicebridge/events"
)

const (
	defaultLimit = 50
	maxLimit     = 200
	// listReads is how many records one list request reads at a time.
	listReads = 16
	// listRounds bounds the pages of the stream one list request looks through for
	// a state that is rare; the cursor goes on from there.
	listRounds = 10
)

// Get returns a command's latest record, with the payload that was asked for and the
// response payload of its last response event, as far as the stream keeps them. Where
// both do not fit a message together, the payload that was asked for is left out.
func (b *Bridge) Get(ctx context.Context, data []byte) (events.CommandReply, error) {
	id, err := readID(data)
	if err != nil {
		return events.CommandReply{}, err
	}
	c, err := b.whole(ctx, id)
	if err == nil {
		c, err = b.withRequest(ctx, c)
	}
	return events.CommandReply{Command: c, Waits: b.waitsOf(c)}, err
}

// whole gives the latest record of a command with its response payload.
func (b *Bridge) whole(ctx context.Context, id string) (events.Command, error) {
	latest, err := b.Stream.Latest(ctx, id)
	if err != nil {
		return events.Command{}, err
	}
	c := latest.Command
	if c.Response == events.ResponseStored && latest.Kind != events.KindResponse {
		response, err := b.Stream.LatestResponse(ctx, id)
		if events.HasCode(err, events.CodeNotFound) || b.unreadable(id, err) {
			return c, nil // the payload has left the stream with its age, the record has not
		}
		if err != nil {
			return events.Command{}, err
		}
		c.ResponsePayload, c.ResponseRef = response.Command.ResponsePayload, response.Command.ResponseRef
	}
	return c, nil
}

// Cancel cancels a command that was not sent yet.
func (b *Bridge) Cancel(ctx context.Context, data []byte) (events.CommandReply, error) {
	id, err := readID(data)
	if err != nil {
		return events.CommandReply{}, err
	}
	before, err := b.Stream.Latest(ctx, id)
	if err != nil {
		return events.CommandReply{}, err
	}
	after, err := b.fold(ctx, before, fresh, command.Cancel{At: b.Now()})
	if err != nil {
		return events.CommandReply{}, err
	}
	if c := after.Command; c.State != events.StateCanceled || c.Source != events.SourceCaller {
		return events.CommandReply{}, events.Refusal(events.CodeConflict, "id", notCancelable(c))
	}
	return events.CommandReply{Command: after.Command}, nil
}

func notCancelable(c events.Command) string {
	if c.Terminal {
		return "names a command that has ended already: it is " + string(c.State)
	}
	if c.Type == "" {
		return "names a command that somebody else sends; only its callback was registered here"
	}
	return "names a command that is already sending or sent (" + string(c.State) + "), and Graph documents no way to cancel it"
}

// List gives commands, newest first.
func (b *Bridge) List(ctx context.Context, data []byte) (events.ListReply, error) {
	r, cursor, err := readList(data)
	if err != nil {
		return events.ListReply{}, err
	}
	reply := events.ListReply{Commands: []events.Command{}}
	left := b.MaxMessage - room
	for range listRounds {
		page, next, err := b.Shelf.Newest(ctx, r.DeviceID, cursor, r.Limit)
		if err != nil {
			return events.ListReply{}, err
		}
		found, err := b.latestOf(ctx, page)
		if err != nil {
			return events.ListReply{}, err
		}
		for i, c := range found {
			if c == nil || r.State != "" && c.State != r.State {
				continue
			}
			if left -= size(*c); left < 0 && len(reply.Commands) > 0 {
				reply.Cursor = strconv.FormatUint(page[i].Sequence+1, 10) // the reply is full; c begins the next
				return reply, nil
			}
			reply.Commands = append(reply.Commands, *c)
			if len(reply.Commands) == r.Limit {
				if i < len(found)-1 || next != 0 {
					reply.Cursor = strconv.FormatUint(page[i].Sequence, 10)
				}
				return reply, nil
			}
		}
		if next == 0 {
			return reply, nil
		}
		cursor = next
	}
	reply.Cursor = strconv.FormatUint(cursor, 10)
	return reply, nil
}

// latestOf reads the latest records of a page; nil for a command that has left
// the stream meanwhile.
func (b *Bridge) latestOf(ctx context.Context, page []events.Created) ([]*events.Command, error) {
	found := make([]*events.Command, len(page))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(listReads)
	for i, created := range page {
		group.Go(func() error {
			latest, err := b.Stream.Latest(ctx, created.Command)
			if err == nil && !overtaken(created, latest) {
				found[i] = &latest.Command
				// A page of payloads would not fit a message; commands.get has them.
				found[i].Payload, found[i].ResponsePayload = nil, nil
			}
			if events.HasCode(err, events.CodeNotFound) || b.unreadable(created.Command, err) {
				return nil
			}
			return err
		})
	}
	err := group.Wait()
	return found, err
}

// overtaken reports whether a command was erased since it was found by its first
// event: then it is listed by its last.
func overtaken(found events.Created, latest events.Stored) bool {
	return latest.Command.State == events.StateErased && latest.Sequence != found.Sequence
}

func readID(data []byte) (string, error) {
	r, fault := decode.Strict[events.IDRequest](data)
	if fault != nil {
		return "", fault
	}
	if !events.ValidCommandID(r.ID) {
		return "", invalidCommandID()
	}
	return r.ID, nil
}

func invalidCommandID() error {
	return events.Invalid("id", fmt.Sprintf("is not the id of a command: %d characters of a-z and 2-7", events.CommandIDLen))
}

func readList(data []byte) (r events.ListRequest, cursor uint64, err error) {
	r, fault := decode.Strict[events.ListRequest](data)
	switch {
	case fault != nil:
		return r, 0, fault
	case r.State != "" && !r.State.Known():
		return r, 0, events.Invalid("state", "is not a state of a command")
	case r.Limit < 0 || r.Limit > maxLimit:
		return r, 0, events.Invalid("limit", fmt.Sprintf("is not from 1 to %d", maxLimit))
	case r.DeviceID != "" && !events.ValidDeviceID(r.DeviceID):
		return r, 0, events.Invalid("deviceId", "is too long for a device id")
	}
	setDefault(&r.Limit, defaultLimit)
	cursor, err = readCursor(r.Cursor)
	return r, cursor, err
}
