package inventory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"devicebridge/events"
)

// batch is how many events are committed at once: a few hundred kilobytes.
const batch = 200

// poll reads from here to the end of what Graph has to tell, page by page.
func (p *Poller) poll(ctx context.Context, here place) error {
	if !p.round.goesOn(here) {
		p.round = nil // whoever moved the cursor did not tell what it saw
	}
	link := here.Link
	if link == "" || here.Round != "" && p.round == nil {
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
	appends, err := p.plan(ctx, here, list)
	behind := cursor{Link: page.Next, Current: here.Current}
	switch {
	case page.Next == "":
		behind = cursor{Link: page.Link, Current: p.Now().UTC()}
	case p.round != nil:
		behind.Round = p.round.id
	}
	if err == nil && page.Next == "" && p.round != nil {
		var gone []events.InventoryAppend
		gone, err = p.missing(ctx, here, list)
		appends = append(appends, gone...)
	}
	if errors.Is(err, errTorn) {
		return p.mend(ctx, here)
	}
	if err != nil {
		return here, err
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

// mend moves the cursor behind whatever is stored, as it is: so every page that
// was read before is refused, and what comes next is read after.
func (p *Poller) mend(ctx context.Context, here place) (place, error) {
	p.Log.Warn("a commit of the inventory feed was stored in part; its page is read again")
	p.round = nil
	if here, err := p.commit(ctx, here, nil, here.cursor); err != nil {
		return here, err
	}
	return here, events.ErrLost
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
