package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"devicebridge/bridge/command"
	"devicebridge/bridge/crash"
	"devicebridge/bridge/decode"
	"devicebridge/events"
)

// stow stores a response payload as an object if its event would not fit a
// message, and gives where; nil if it fits. The object comes before the event
// that names it. One whose event never came is gone with the age of the bucket.
func (b *Bridge) stow(ctx context.Context, c events.Command, payload json.RawMessage) (*events.ObjectRef, error) {
	if b.fits(c, payload) {
		return nil, nil
	}
	return b.put(ctx, c, payload)
}

// fits reports whether the event that brings a response payload fits a message.
func (b *Bridge) fits(c events.Command, payload json.RawMessage) bool {
	return len(payload)+size(c) <= b.MaxMessage-room
}

// foldPayload folds an input that brings a response payload; with makes it, for the
// object that holds the payload or, with nil, for the payload in its event. placed
// is false when err says that the payload has no place to be. It makes no object for
// an event that is only remembered: whoever reads on from there would not know of it.
func (b *Bridge) foldPayload(ctx context.Context, from events.Stored, on basis, payload json.RawMessage,
	with func(*events.ObjectRef) command.Input,
) (after events.Stored, placed bool, err error) {
	if on == remembered && !b.fits(from.Command, payload) {
		return from, false, events.ErrLost
	}
	object, err := b.stow(ctx, from.Command, payload)
	if err != nil {
		return from, false, err
	}
	after, err = b.fold(ctx, from, on, with(object))
	if err == nil {
		return after, true, b.unstow(ctx, object, after)
	}
	if object != nil || !events.HasCode(err, events.CodeTooLarge) {
		return after, true, err
	}
	if on == remembered {
		return from, false, events.ErrLost
	}
	// The stream takes less than the server does.
	if object, err = b.put(ctx, from.Command, payload); err != nil {
		return from, false, err
	}
	if after, err = b.fold(ctx, from, on, with(object)); err == nil {
		err = b.unstow(ctx, object, after)
	}
	return after, true, err
}

// put stores a response payload as an object.
func (b *Bridge) put(ctx context.Context, c events.Command, payload json.RawMessage) (*events.ObjectRef, error) {
	sum := sha256.Sum256(payload)
	ref, err := b.Payloads.PutPayload(ctx, c.ID+"/"+hex.EncodeToString(sum[:]), payload)
	if err != nil {
		return nil, err
	}
	crash.At(crash.PayloadStored)
	return &ref, nil
}

// Response gives a piece of a command's response payload, so that one that fits
// no message can be had by asking again with the cursor until there is none.
func (b *Bridge) Response(ctx context.Context, data []byte) (events.ResponseReply, error) {
	r, fault := decode.Strict[events.ResponseRequest](data)
	if fault != nil {
		return events.ResponseReply{}, fault
	}
	if !events.ValidCommandID(r.ID) {
		return events.ResponseReply{}, invalidCommandID()
	}
	after, err := readCursor(r.Cursor)
	if err != nil {
		return events.ResponseReply{}, err
	}
	response, err := b.Stream.LatestResponse(ctx, r.ID)
	if events.HasCode(err, events.CodeNotFound) {
		if _, err = b.Stream.Latest(ctx, r.ID); err == nil {
			err = events.NotFound("this command has no response payload, or none yet")
		}
	}
	if err != nil {
		return events.ResponseReply{}, err
	}
	c := response.Command
	switch {
	case c.ResponseRef != nil:
		chunk, next, err := b.Payloads.PayloadChunk(ctx, *c.ResponseRef, after)
		if err != nil {
			return events.ResponseReply{}, err
		}
		reply := events.ResponseReply{Data: chunk, Size: c.ResponseRef.Size, SHA256: c.ResponseRef.SHA256}
		if next != 0 {
			reply.Cursor = strconv.FormatUint(next, 10)
		}
		return reply, nil
	case c.ResponsePayload != nil:
		payload := events.Compact(c.ResponsePayload)
		sum := sha256.Sum256(payload)
		return pieceOf(payload, after, b.pieceSize(), hex.EncodeToString(sum[:]))
	default:
		return events.ResponseReply{}, events.NotFound("this command has no response payload")
	}
}

// pieceSize is how much of a payload fits a reply, as base64 in JSON.
func (b *Bridge) pieceSize() int { return max((b.MaxMessage-room)/2, 1) }

// pieceOf gives the piece of an inline payload that begins at byte from.
func pieceOf(payload []byte, from uint64, most int, sum string) (events.ResponseReply, error) {
	if from >= uint64(len(payload)) {
		return events.ResponseReply{}, events.Invalid("cursor", "is not one of this bridge's answers")
	}
	rest := payload[from:]
	reply := events.ResponseReply{Data: rest[:min(most, len(rest))], Size: int64(len(payload)), SHA256: sum}
	if len(rest) > most {
		reply.Cursor = strconv.FormatUint(from+uint64(len(reply.Data)), 10)
	}
	return reply, nil
}

// readCursor reads a cursor of an earlier answer; 0 for none.
func readCursor(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	cursor, err := strconv.ParseUint(text, 10, 64)
	if err != nil || cursor == 0 {
		return 0, events.Invalid("cursor", "is not one of this bridge's answers")
	}
	return cursor, nil
}
