package inventory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"devicebridge/events"
)

const (
	// readers is how many known states are read side by side.
	readers = 16
	// batch is how many events are committed at once: a few hundred kilobytes.
	batch = 200
)

// poll reads from here to the end of what Graph has to tell, page by page.
func (p *Poller) poll(ctx context.Context, here place) error {
	link := here.Link
	if link == "" || here.Round != "" && !p.round.goesOn(here) {
		link = ""
		p.begin(here)
	}
	for resyncs := 0; ; {
		page, err := p.Source.Delta(ctx, link)
		if forgotten, ok := errors.AsType[*ResyncError](err); ok && resyncs < 2 {
			// Should the link that Graph gave be forgotten too, then without one.
			link = ""
			if resyncs++; resyncs == 1 {
				link = forgotten.Restart
				p.Hooks.Resync()
				p.Log.Info("the directory is read anew", "reason", forgotten.Err)
			}
			p.begin(here)
			continue
		}
		if err != nil {
			return fmt.Errorf("read the directory: %w", err)
		}
		if (page.Next == "") == (page.Link == "") {
			return errors.New("read the directory: a page must have either a next link or a delta link")
		}
		if here, err = p.take(ctx, here, page); err != nil {
			return fmt.Errorf("publish a page of the directory: %w", err)
		}
		if page.Next == "" {
			p.round = nil
			return nil
		}
		link = page.Next
	}
}

// begin begins a full read.
func (p *Poller) begin(here place) {
	p.round = &round{id: rand.Text(), seen: map[string]bool{}, revision: here.revision}
}

// take publishes what a page tells, and gives the place behind it.
func (p *Poller) take(ctx context.Context, here place, page Page) (place, error) {
	list, err := byDevice(page.Changes, func(id string) bool { return p.round != nil && !p.round.seen[id] })
	if err != nil {
		return here, err
	}
	appends, err := p.plan(ctx, list)
	if err != nil {
		return here, err
	}
	behind := cursor{Link: page.Next, Current: here.Current}
	if page.Next == "" {
		behind = cursor{Link: page.Link, Current: p.Now().UTC()}
	}
	if p.round != nil && page.Next != "" {
		behind.Round = p.round.id
	}
	if p.round != nil && page.Next == "" {
		gone, err := p.missing(ctx, list)
		if err != nil {
			return here, err
		}
		appends = append(appends, gone...)
	}
	if here, err = p.commit(ctx, here, appends, behind); err != nil {
		return here, err
	}
	if p.round != nil {
		for _, n := range list {
			p.round.seen[n.id] = true
		}
	}
	p.Hooks.Page()
	return here, nil
}

// plan gives the events that follow from a page. That a device is unchanged is
// decided on a read from the leader made after the page was read.
func (p *Poller) plan(ctx context.Context, list []news) ([]events.InventoryAppend, error) {
	return p.each(ctx, len(list), func(i int) (string, decision) {
		return list[i].id, func(known events.InventoryEvent) (events.InventoryEvent, bool, error) {
			return next(known, list[i], p.Now())
		}
	})
}

// missing gives the events for the devices that are known and that neither the
// pages before nor the last one had.
func (p *Poller) missing(ctx context.Context, last []news) ([]events.InventoryAppend, error) {
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
	return p.each(ctx, len(unseen), func(i int) (string, decision) {
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
func (p *Poller) each(ctx context.Context, n int, device func(int) (string, decision)) ([]events.InventoryAppend, error) {
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

// commit stores events and the cursor behind them. Where they are too many for one
// commit, those before the last leave the cursor as it is: cut off there, the page
// is read again, and what is stored of it is found known.
func (p *Poller) commit(ctx context.Context, here place, appends []events.InventoryAppend, behind cursor) (place, error) {
	for {
		some := appends[:min(batch, len(appends))]
		appends = appends[len(some):]
		step := here.cursor
		if len(appends) == 0 {
			step = behind
		}
		text, err := step.write()
		if err != nil {
			return here, err
		}
		revision, err := p.Feed.CommitInventory(ctx, some, text, here.revision)
		if err != nil {
			return here, err
		}
		here = place{step, revision}
		if p.round != nil {
			p.round.revision = revision
		}
		p.moved(here)
		for _, a := range some {
			p.Hooks.Published(a.Event.Kind)
		}
		if len(appends) == 0 {
			return here, nil
		}
	}
}
