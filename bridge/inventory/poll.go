package inventory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"devicebridge/events"
)

// batch is how many events are committed at once: a few hundred kilobytes.
const batch = 200

// leastDoubted is how many devices a full read must lack to be doubted.
const leastDoubted = 2

// poll reads from here to the end of what Graph has to tell, page by page.
func (p *Poller) poll(ctx context.Context, here place) error {
	if !p.round.goesOn(here) {
		p.round = nil // whoever moved the cursor did not tell what it saw
	}
	if p.reading == nil || p.reading.revision != here.revision {
		p.reading = newReading(here.revision)
	}
	here.Pause = nil
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
		if wait, ok := errors.AsType[*WaitError](err); ok && wait.Wait > p.Every*9/10 {
			return p.wait(ctx, here, wait)
		}
		if err != nil {
			return fmt.Errorf("read the directory: %w", err)
		}
		if (page.Next == "") == (page.Link == "") {
			return errors.New("read the directory: a page must have either a next link or a delta link")
		}
		list, nameless := byDevice(page.Changes, func(id string) bool { return p.round != nil && !p.round.seen[id] })
		here, err = p.take(ctx, here, page, list, nameless)
		if _, paused := errors.AsType[pausedError](err); paused {
			return err
		}
		if err != nil {
			return fmt.Errorf("publish a page of the directory: %w", err)
		}
		if page.Next == "" {
			p.round, p.reading = nil, nil
			return nil
		}
		p.reading.note(link, list)
		if anew, why := p.reading.endless(page.Next); why != nil {
			behind := here.cursor
			if anew {
				behind.Link, behind.Round = "", ""
				p.round, p.reading = nil, nil
			}
			return p.pauseAt(ctx, here, behind, p.pauseOfIdle(), why)
		}
		link = page.Next
	}
}

// begin begins a full read.
func (p *Poller) begin(here place) {
	p.round = &round{id: rand.Text(), seen: map[string]bool{}, revision: here.revision}
	p.reading = newReading(here.revision)
}

// take publishes what a page tells of the devices of list, and gives the place
// behind it. nameless says of those without an object id why they have none.
func (p *Poller) take(ctx context.Context, here place, page Page, list []news, nameless []error) (place, error) {
	plan, err := p.plan(ctx, here, list)
	kept := plan.kept
	if err == nil && page.Next == "" && p.round != nil {
		var gone decided
		gone, err = p.missing(ctx, here, list)
		if lost := len(gone.appends); err == nil && !here.Doubt && lost >= leastDoubted && lost > p.round.kept+kept {
			return p.doubt(ctx, here, lost, lost+p.round.kept+kept)
		}
		plan.appends = append(plan.appends, gone.appends...)
		plan.leftOut = append(plan.leftOut, gone.leftOut...)
	}
	if errors.Is(err, errTorn) {
		return p.mend(ctx, here)
	}
	if err != nil {
		return here, err
	}
	for _, why := range nameless {
		plan.leftOut = append(plan.leftOut, p.leaveOut(here, "", why))
	}
	if here, err = p.commit(ctx, here, plan.appends, p.behind(here, page, list, plan.leftOut)); err != nil {
		return here, err
	}
	if p.round != nil {
		p.round.kept += kept
		for _, n := range list {
			p.round.seen[n.id] = true
		}
	}
	p.Hooks.Page()
	return here, nil
}

// behind gives the cursor behind a page that told of the devices of list, of which
// some are left out.
func (p *Poller) behind(here place, page Page, list []news, leftOut []LeftOut) cursor {
	before := here.LeftOut
	if p.round != nil && p.round.id != here.Round {
		before = leftOutSet{} // a full read tells of all that there is
	}
	behind := cursor{Link: page.Next, Current: here.Current, Doubt: here.Doubt, LeftOut: before.with(list, leftOut, p.Now().UTC())}
	switch {
	case page.Next == "":
		behind.Link, behind.Current, behind.Doubt = page.Link, p.Now().UTC(), false
	case p.round != nil:
		behind.Round = p.round.id
	}
	return behind
}

// doubt has the directory read once more, after a pause, where a full read that has
// come to its end did not have most of the devices that were known.
func (p *Poller) doubt(ctx context.Context, here place, lost, known int) (place, error) {
	behind := cursor{Current: here.Current, Doubt: true, LeftOut: here.LeftOut}
	p.round = nil
	return here, p.pauseAt(ctx, here, behind, p.Every, fmt.Errorf(
		"a full read of the directory did not have %d of the %d devices that are known; it is read once more before they are called missing", lost, known))
}

// mend moves the cursor behind whatever is stored, as it is: so every page that
// was read before is refused, and what comes next is read after.
func (p *Poller) mend(ctx context.Context, here place) (place, error) {
	p.Log.Warn("a commit of the inventory feed was stored in part; its page is read again")
	p.round, p.reading = nil, nil
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
		all := len(appends)
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
		if refusal, ok := errors.AsType[*events.InventoryRefusal](err); ok {
			l := p.leaveOut(here, refusal.DeviceID, refusal.Err)
			behind.LeftOut = behind.LeftOut.with(nil, []LeftOut{l}, l.Time)
			appends = slices.DeleteFunc(slices.Concat(some, appends), func(a events.InventoryAppend) bool {
				return a.Event.DeviceID == refusal.DeviceID
			})
			if len(appends) >= all {
				return here, err // it refuses a device that is not among them
			}
			continue
		}
		if err != nil {
			return here, err
		}
		here = place{step, revision}
		if p.round != nil {
			p.round.revision = revision
		}
		if p.reading != nil {
			p.reading.revision = revision
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
