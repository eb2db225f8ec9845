package inventory

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"devicebridge/events"
)

// Options configure a Poller. Members without a remark are required.
type Options struct {
	Source  Source
	Feed    Feed
	Devices Devices
	// Every is the time between two looks at the directory, all replicas together,
	// with a little jitter. Zero: 1 min.
	Every time.Duration
	// Now is the clock that dates events. Nil: time.Now.
	Now func() time.Time
	// Hooks are for metrics.
	Hooks Hooks
	// Log may be nil.
	Log *slog.Logger
}

// Hooks are told what happens. Any may be nil.
type Hooks struct {
	// Published: an event was stored by this replica.
	Published func(events.InventoryKind)
	// Page: a page was read and stored by this replica.
	Page func()
	// Resync: Graph has forgotten the cursor; everything is read anew.
	Resync func()
	// Current: the feed, by this replica or another, had told all that Graph knew at
	// that time.
	Current func(time.Time)
	// Trouble: the feed cannot go on, and why, again where the words have changed; nil:
	// it goes on.
	Trouble func(error)
	// LeftOut: how many devices of the directory the feed has no event for, and which
	// in words; 0 and nil: none.
	LeftOut func(int, error)
}

// mostOvertaken bounds the patience with a full read of another replica, which
// doubles each time that this one was overtaken. Who takes over has to begin anew:
// where Graph throttles so that a page takes longer than the time between two looks,
// replicas that are no more patient than that cut each other off for good.
const mostOvertaken = 4

// Poller reads the directory and publishes what changed. Run is called once.
type Poller struct {
	Options
	round   *round
	reading *reading
	// at is the revision of the cursor when it last moved, or was first seen, and
	// since when that is, by the monotonic clock of this process alone.
	at    uint64
	since time.Time
	// patience is how long the cursor must have stood still before this replica
	// reads on.
	patience time.Duration
	// paused is how long, from since on, the directory is left alone by all replicas.
	paused time.Duration
	// asked is what Graph asked this process for; nil: nothing that is not stored.
	asked *request
	// overtaken is how many full reads of this replica another has cut off since one
	// came to its end.
	overtaken int
	// trouble is the words of the trouble that was told last; empty: none stands.
	trouble string
	// random gives a number from 0 to 1.
	random func() float64
}

// New checks the options and gives a Poller.
func New(o Options) (*Poller, error) {
	var faults []error
	for _, part := range []struct {
		name    string
		missing bool
	}{{"Source", o.Source == nil}, {"Feed", o.Feed == nil}, {"Devices", o.Devices == nil}} {
		if part.missing {
			faults = append(faults, errors.New("inventory: Options."+part.name+" is required"))
		}
	}
	if o.Every < 0 {
		faults = append(faults, errors.New("inventory: Options.Every must not be negative"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if o.Every == 0 {
		o.Every = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Hooks = o.Hooks.complete()
	return &Poller{Options: o, random: rand.Float64}, nil
}

// complete puts functions that do nothing in the places that are empty.
func (h Hooks) complete() Hooks {
	if h.Published == nil {
		h.Published = func(events.InventoryKind) {}
	}
	if h.Page == nil {
		h.Page = func() {}
	}
	if h.Resync == nil {
		h.Resync = func() {}
	}
	if h.Current == nil {
		h.Current = func(time.Time) {}
	}
	if h.Trouble == nil {
		h.Trouble = func(error) {}
	}
	if h.LeftOut == nil {
		h.LeftOut = func(int, error) {}
	}
	return h
}

// Run reads on until ctx ends; trouble with Graph or NATS lets it wait. Of a
// replica that reads, the others see the cursor move and leave it alone, so that
// any number of replicas asks Graph as often as one.
func (p *Poller) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		timer := time.NewTimer(p.turn(ctx))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// turn reads on if it is time to, and gives how long to wait then.
func (p *Poller) turn(ctx context.Context) time.Duration {
	here, err := p.place(ctx)
	if err != nil {
		p.report(ctx, err)
		return p.jittered()
	}
	if here.revision != p.at {
		if p.round != nil {
			p.round, p.overtaken = nil, min(p.overtaken+1, mostOvertaken)
		}
		p.moved(here)
		p.report(ctx, here.Pause.trouble()) // the feed goes on or waits, by whichever replica
	}
	if p.waits(here) {
		p.report(ctx, p.store(ctx, here))
		return p.jittered()
	}
	if wait := p.paused - time.Since(p.since); wait > 0 {
		return min(wait, p.Every) // the cursor may be moved or lost in the meantime
	}
	patience := p.patience
	if here.Round != "" && !p.round.goesOn(here) {
		patience = p.paused + patience<<p.overtaken
	}
	if wait := patience - time.Since(p.since); here.revision != 0 && wait > 0 {
		return wait
	}
	err = p.poll(ctx, here)
	if errors.Is(err, events.ErrLost) {
		return p.jittered() / 10 // another replica reads too; its cursor tells how far it is
	}
	p.report(ctx, err)
	return p.jittered()
}

func (p *Poller) place(ctx context.Context) (place, error) {
	text, revision, err := p.Feed.InventoryCursor(ctx)
	if err != nil {
		return place{}, err
	}
	return readCursor(text, revision)
}

// moved notes that the cursor is at another place than before.
func (p *Poller) moved(here place) {
	p.at, p.since, p.patience, p.paused = here.revision, time.Now(), p.jittered(), here.Pause.left(p.Now())
	if here.Round == "" {
		p.overtaken = 0
	}
	if !here.Current.IsZero() {
		p.Hooks.Current(here.Current)
	}
	p.Hooks.LeftOut(here.LeftOut.count(), here.LeftOut.describe())
}

// jittered spreads Every by up to a tenth either way, so that replicas that began
// together do not go on together.
func (p *Poller) jittered() time.Duration {
	return p.Every + time.Duration((p.random()*2-1)*0.1*float64(p.Every))
}

// report tells of a trouble when it begins and when it is over.
func (p *Poller) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil: // what went wrong is the end
	case err != nil && p.trouble == "":
		p.trouble = err.Error()
		p.Hooks.Trouble(err)
		p.Log.Warn("the inventory feed cannot go on; it tries again and loses nothing", "error", err)
	case err != nil && p.trouble != err.Error():
		p.trouble = err.Error()
		p.Hooks.Trouble(err)
		p.Log.Debug("the inventory feed still cannot go on", "error", err)
	case err != nil:
		p.Log.Debug("the inventory feed still cannot go on", "error", err)
	case p.trouble != "":
		p.trouble = ""
		p.Hooks.Trouble(nil)
		p.Log.Info("the inventory feed goes on")
	}
}
