package inventory

import (
	"context"
	"errors"
	"fmt"

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
func (p *Poller) plan(ctx context.Context, here place, list []news) (decided, error) {
	return p.each(ctx, here, len(list), func(i int) (string, decision) {
		return list[i].id, func(known events.InventoryEvent) (events.InventoryEvent, bool, error) {
			return next(known, list[i], p.Now())
		}
	})
}

// missing gives the events for the devices that are known and that neither the
// pages before nor the last one had.
func (p *Poller) missing(ctx context.Context, here place, last []news) (decided, error) {
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
		return decided{}, err
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

// decided is what was decided on some devices, in their order.
type decided struct {
	appends []events.InventoryAppend
	leftOut []LeftOut
	// kept is how many are seen for the first time in this round, and were known to
	// be there.
	kept int
}

// each decides on n devices, whose known states are read side by side.
func (p *Poller) each(ctx context.Context, here place, n int, device func(int) (string, decision)) (decided, error) {
	found := make([]decided, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i := range n {
		group.Go(func() error {
			var err error
			id, decide := device(i)
			found[i], err = p.decide(ctx, here, id, decide)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return decided{}, err
	}
	var all decided
	for _, d := range found {
		all.appends = append(all.appends, d.appends...)
		all.leftOut = append(all.leftOut, d.leftOut...)
		all.kept += d.kept
	}
	return all, nil
}

// decide decides on one device. What is wrong with it alone leaves it out.
func (p *Poller) decide(ctx context.Context, here place, id string, decide decision) (decided, error) {
	if !events.ValidDeviceID(id) {
		return decided{leftOut: []LeftOut{p.leaveOut(here, id, errors.New("has an id that is too long for a subject"))}}, nil
	}
	known, err := p.Devices.LatestInventory(ctx, id)
	if errors.Is(err, events.ErrUnreadable) {
		return decided{leftOut: []LeftOut{p.leaveOut(here, id, fmt.Errorf("has a known state that cannot be read: %w", err))}}, nil
	}
	if err != nil && !events.HasCode(err, events.CodeNotFound) {
		return decided{}, err
	}
	if known.StreamSequence > here.revision {
		return decided{}, errTorn
	}
	var d decided
	if p.round != nil && !p.round.seen[id] && known.Event.Kind != "" && known.Event.Kind != events.InventoryDeleted {
		d.kept = 1
	}
	e, tell, err := decide(known.Event)
	if wrong, ok := errors.AsType[deviceError](err); ok {
		d.leftOut = []LeftOut{p.leaveOut(here, id, wrong)}
		return d, nil
	}
	if tell {
		d.appends = []events.InventoryAppend{{Event: e, Expected: known.StreamSequence}}
	}
	return d, err
}
