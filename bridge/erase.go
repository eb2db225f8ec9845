package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"devicebridge/bridge/command"
	"devicebridge/bridge/crash"
	"devicebridge/bridge/decode"
	"devicebridge/events"
)

// maxReason bounds the reason for an erasure, in bytes.
const maxReason = 256

// Erase takes away for good what is kept of a command that has ended. First comes
// an `erased` event, which keeps the command's id and nothing of what it was about:
// it is the command's state from then on, so that no postback and no repeat of its
// request id brings the command back, and whoever has copies is told. Then goes all
// that was before it. A call that failed is made again, or the sweep goes on with
// it; for an erased command it takes away what is left. Errors are *events.Error:
// CodeConflict while the command is under way.
func (b *Bridge) Erase(ctx context.Context, data []byte) (events.EraseReply, error) {
	r, fault := decode.Strict[events.EraseRequest](data)
	switch {
	case fault != nil:
		return events.EraseReply{}, fault
	case !events.ValidCommandID(r.ID):
		return events.EraseReply{}, invalidCommandID()
	case len(r.Reason) > maxReason || strings.IndexFunc(r.Reason, unicode.IsControl) >= 0:
		return events.EraseReply{}, events.Invalid("reason", fmt.Sprintf("takes at most %d bytes and no control characters", maxReason))
	}
	last, err := b.markErased(ctx, r)
	if err != nil {
		return events.EraseReply{}, err
	}
	crash.At(crash.EraseMarked)
	done, err := b.erase(ctx, last)
	return events.EraseReply{Command: last.Command, Erased: done}, err
}

// markErased gives the `erased` event of a command, stored by this call or before.
// It names the events that are to go, so that whoever misses them in the stream
// finds out why: it is stored before any of them goes, and leaves after them.
func (b *Bridge) markErased(ctx context.Context, r events.EraseRequest) (events.Stored, error) {
	for range foldTries {
		latest, err := b.Stream.Latest(ctx, r.ID)
		if err != nil || latest.Command.State == events.StateErased {
			return latest, err
		}
		if c := latest.Command; !command.Known(c) || !c.Ended() {
			return events.Stored{}, events.Refusal(events.CodeConflict, "id", notErasable(c))
		}
		if err := b.Eraser.MayErase(ctx); err != nil {
			return events.Stored{}, err
		}
		sequences, err := b.Eraser.Sequences(ctx, r.ID)
		if err != nil {
			return events.Stored{}, err
		}
		list := command.Apply(latest.Command, command.Erase{At: b.Now(), Reason: r.Reason, Events: sequences})
		after, err := b.appendAll(ctx, latest, list)
		if !errors.Is(err, events.ErrLost) {
			return after, err
		}
	}
	return events.Stored{}, fmt.Errorf("command %s: %d races lost for one erasure", r.ID, foldTries)
}

func notErasable(c events.Command) string {
	switch {
	case !command.Known(c):
		return "names a command in a state that this version of the bridge does not know; another replica may"
	case c.Terminal:
		return "names a command whose response payload is still awaited; ask again when that is stored or failed"
	case c.State == events.StateAccepted || c.State == events.StateDeferred:
		return "names a command that is still to be sent (" + string(c.State) + "); cancel it first"
	default:
		return "names a command that is under way (" + string(c.State) + "); ask again when it has ended"
	}
}

// erase takes away what is left of a command before last, its `erased` event.
func (b *Bridge) erase(ctx context.Context, last events.Stored) (events.Erased, error) {
	id := last.Command.ID
	done, err := b.Eraser.Erase(ctx, id, last.Sequence)
	if done != (events.Erased{}) {
		b.Hooks.Erased(done)
		b.Log.Info("command erased", "command", id, "events", done.Events, "objects", done.Objects, "timers", done.Timers, "finished", err == nil)
	}
	return done, err
}

// resumeErasure goes on with an erasure that was broken off, which shows by an event
// that is still there. Where the operator has forbidden it since, that is told, and
// the sweep goes on.
func (b *Bridge) resumeErasure(ctx context.Context, last events.Stored) error {
	sequences, err := b.Eraser.Sequences(ctx, last.Command.ID)
	if events.HasCode(err, events.CodeConflict) {
		b.Log.Warn("an erasure cannot be finished", "command", last.Command.ID, "error", err)
		return nil
	}
	if err != nil || len(sequences) <= 1 {
		return err
	}
	_, err = b.erase(ctx, last)
	return err
}

// unstow takes an object away again that was stored for a command which was erased
// meanwhile: a postback may have been read before the erasure and stored after it.
func (b *Bridge) unstow(ctx context.Context, object *events.ObjectRef, after events.Stored) error {
	if object == nil || after.Command.State != events.StateErased {
		return nil
	}
	_, err := b.erase(ctx, after)
	return err
}
