package inventory

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"devicebridge/events"
)

// readers is how many known states are read side by side.
const readers = 16

// errTorn says that a device has an event behind the cursor: of a commit a part
// was stored, by a server that died or whose disk was full. What that event was
// made from may have been read after the page at hand.
var errTorn = errors.New("an event stands behind the cursor")

// plan gives the events that follow from a page. That a device is unchanged is
// decided on a read from the leader made after the page was read.
func (p *Poller) plan(ctx context.Context, here place, list []news) ([]events.InventoryAppend, error) {
	return p.each(ctx, here, len(list), func(i int) (string, decision) {
		return list[i].id, func(known events.InventoryEvent) (events.InventoryEvent, bool, error) {
			return next(known, list[i], p.Now())
		}
	})
}

// missing gives the events for the devices that are known and that neither the
// pages before nor the last one had.
func (p *Poller) missing(ctx context.Context, here place, last []news) ([]events.InventoryAppend, error) {
	now := map[string]bool{}
	for _, n := range last {
		now[n.id] = true
	}
	var unseen []string
	err := p.Devices.EachInventory(ctx, func(id string) error {
		if !p.round.seen[id] && !now[id] {
			unseen = append(unseen, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p.each(ctx, here, len(unseen), func(i int) (string, decision) {
		return unseen[i], func(known events.InventoryEvent) (events.InventoryEvent, bool, error) {
			e, gone := missing(known, p.Now())
			return e, gone, nil
		}
	})
}

// decision gives the event that follows the known one, and false for none.
type decision func(known events.InventoryEvent) (events.InventoryEvent, bool, error)

// each decides on n devices, whose known states are read side by side, and gives
// the events in the order of the devices.
func (p *Poller) each(ctx context.Context, here place, n int, device func(int) (string, decision)) ([]events.InventoryAppend, error) {
	found := make([]*events.InventoryAppend, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i := range n {
		group.Go(func() error {
			id, decide := device(i)
			known, err := p.Devices.LatestInventory(ctx, id)
			if err != nil && !events.HasCode(err, events.CodeNotFound) {
				return err
			}
			if known.StreamSequence > here.revision {
				return errTorn
			}
			e, tell, err := decide(known.Event)
			if tell {
				found[i] = &events.InventoryAppend{Event: e, Expected: known.StreamSequence}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var appends []events.InventoryAppend
	for _, a := range found {
		if a != nil {
			appends = append(appends, *a)
		}
	}
	return appends, nil
}
