package bridge

import (
	"context"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/command"
	"devicebridge/bridge/decode"
	"devicebridge/events"
)

// quarantinePage is how many commands one request looks at.
const quarantinePage = 200

// quarantineLeeway is how far the clock of who asks may be ahead.
const quarantineLeeway = 5 * time.Minute

// Quarantine makes outcomeUnknown what a restored store shows as still to be
// sent, since it may have been sent after the backup was made: accepted and
// deferred commands created before the time of the request. It looks at a page
// of commands, newest first; the cursor goes on. Only a paused bridge does it: any
// other may be sending them at the same time.
func (b *Bridge) Quarantine(ctx context.Context, data []byte) (events.QuarantineReply, error) {
	var reply events.QuarantineReply
	r, fault := decode.Strict[events.QuarantineRequest](data)
	switch {
	case fault != nil:
		return reply, fault
	case !b.Paused:
		return reply, events.Refusal(events.CodeConflict, "", "the bridge is sending; start every replica with BRIDGE_DISPATCH=paused first")
	case r.Before.IsZero():
		return reply, events.Invalid("before", "is missing; it is the time before which commands were created, such as 2026-11-22T10:00:00Z")
	case r.Before.After(b.Now().Add(quarantineLeeway)):
		return reply, events.Invalid("before", "is in the future")
	}
	cursor, err := readCursor(r.Cursor)
	if err != nil {
		return reply, err
	}
	page, next, err := b.Shelf.Newest(ctx, "", cursor, quarantinePage)
	if err != nil {
		return reply, err
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(listReads)
	for _, created := range page {
		group.Go(func() error {
			held, err := b.quarantine(ctx, created.Command, command.Quarantine{At: b.Now(), Before: r.Before})
			mu.Lock()
			defer mu.Unlock()
			reply.Examined++
			if held {
				reply.Quarantined++
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return events.QuarantineReply{}, err
	}
	if next != 0 {
		reply.Cursor = strconv.FormatUint(next, 10)
	}
	return reply, nil
}

func (b *Bridge) quarantine(ctx context.Context, id string, in command.Quarantine) (bool, error) {
	latest, err := b.Stream.Latest(ctx, id)
	if events.HasCode(err, events.CodeNotFound) || b.unreadable(id, err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	after, err := b.fold(ctx, latest, fresh, in)
	return err == nil && after.Sequence != latest.Sequence, err
}
