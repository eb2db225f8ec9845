package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/bridge/crash"
	"devicebridge/events"
)

// foldTries bounds the races one input may lose; each loss means that another
// input of the same command won.
const foldTries = 64

const (
	// largePayload, in bytes, is what a postback may not bring from tightFrom on:
	// the last of the stream is for commands to end, which takes small events.
	largePayload = 16 << 10
	tightFrom    = 0.9
)

// basis is what is known of the event that an input is folded into.
type basis int

const (
	// given: somebody had it from the stream, maybe long ago.
	given basis = iota
	// fresh: it was read from the leader after the input came in, which is needed to
	// conclude that nothing follows.
	fresh
	// remembered: this process had it last. It is good for one append.
	remembered
)

// Postback folds what a postback said. nil means that it is stored, or was
// before. Errors are *events.Error: CodeNotFound when no such command is kept.
//
// As a rule it takes one append and no read: what is remembered of the command is
// its latest event unless another replica has stored one since, and then the append
// is refused.
func (b *Bridge) Postback(ctx context.Context, id string, observations []events.Observation) error {
	for _, o := range observations {
		if len(o.ResponsePayload) > largePayload && b.Shelf.Usage(ctx) >= tightFrom {
			return events.Unavailable("the event stream has no room for a payload of this size now")
		}
		if o.PayloadTooDeep {
			b.Log.Warn("a postback's response payload is left out: it "+events.DepthWords(), "command", id)
		}
		if before, is := b.recent.find(id); is {
			err := b.takePostback(ctx, before, remembered, o)
			if err == nil {
				continue
			}
			if !errors.Is(err, events.ErrLost) {
				return err
			}
			b.recent.forget(id)
		}
		before, err := b.latest(ctx, id)
		if err == nil {
			err = b.takePostback(ctx, before, fresh, o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takePostback folds one observation of a postback into before. With a remembered
// one it gives events.ErrLost where that does not do.
func (b *Bridge) takePostback(ctx context.Context, before events.Stored, on basis, o events.Observation) error {
	ctx = b.Tracer.Resume(ctx, before.Command)
	if !command.Known(before.Command) {
		if on == remembered {
			return events.ErrLost // the replica that knows it may have moved it on
		}
		return events.Unavailable("this version of the bridge does not know the state of this command; another replica may")
	}
	crash.At(crash.FoldRead)
	if b.hint(before.Command, o) {
		return b.takeHint(ctx, before, on, o)
	}
	now := b.Now()
	after, err := b.observe(ctx, before, on, command.Observe{At: now, Source: events.SourcePostback, Observation: o})
	if err != nil {
		return err
	}
	crash.At(crash.FoldStored)
	return b.follow(ctx, before, after, now)
}

// follow sets the timer that a postback made urgent. The one that stands is for the
// step before: a payload is fetched now and a command that was given up is polled
// again, not when that one fires. A command that had ended has none; without one
// the postback is not acknowledged, and its repeat finds the payload still awaited.
func (b *Bridge) follow(ctx context.Context, before, after events.Stored, now time.Time) error {
	id := after.Command.ID
	was, _ := b.next(before.Command, now)
	step, at := b.next(after.Command, now)
	switch {
	case step == command.StepNone || step == was && step != command.StepFetch:
		return nil
	case step == was:
		if armed, err := b.Timers.Armed(ctx, id); armed || err != nil {
			return nil //nolint:nilerr // what the postback said is stored; the sweep looks too
		}
	}
	err := b.schedule(ctx, after, at)
	if err == nil {
		return nil
	}
	if before.Command.Ended() {
		return events.Unavailable("the timer of this command could not be set; send it again")
	}
	b.Log.Warn("timer not set; an earlier one stands", "command", id, "error", err)
	return nil
}

func awaitsPayload(s events.Stored) bool { return s.Command.Response == events.ResponsePending }

// observe folds what Graph said. A response payload that its event would take and
// that fits no message becomes an object before.
func (b *Bridge) observe(ctx context.Context, from events.Stored, on basis, in command.Observe) (events.Stored, error) {
	payload := in.Observation.ResponsePayload
	if payload == nil || !brings(command.Apply(from.Command, in), events.KindResponse) {
		return b.fold(ctx, from, on, in)
	}
	after, placed, err := b.foldPayload(ctx, from, on, payload, func(object *events.ObjectRef) command.Input {
		in.Object = object
		return in
	})
	if placed || in.Source == events.SourcePostback {
		return after, err
	}
	// Graph can be asked for it again; the status must not be lost with it.
	in.Object, in.Observation.ResponsePayload = nil, nil
	return b.fold(ctx, from, on, in)
}

func brings(list []command.Event, kind events.Kind) bool {
	return slices.ContainsFunc(list, func(e command.Event) bool { return e.Kind == kind })
}

// fold applies in to the command until what follows from it is stored, and gives
// the command's latest event. from is where to begin and on what is known of it; from
// a remembered one it goes on to no other, but gives events.ErrLost.
func (b *Bridge) fold(ctx context.Context, from events.Stored, on basis, in command.Input) (events.Stored, error) {
	id := from.Command.ID
	for range foldTries {
		list := command.Apply(from.Command, in)
		if len(list) == 0 && on == fresh {
			again, err := b.unchanged(ctx, from, in)
			if err != nil || again.Sequence == from.Sequence {
				return from, err
			}
			from = again
			continue
		}
		err := events.ErrLost
		if len(list) > 0 {
			var next events.Stored
			if next, err = b.appendAll(ctx, from, list); err == nil {
				return next, nil
			}
		}
		if on == remembered || !errors.Is(err, events.ErrLost) {
			return from, err
		}
		if from, err = b.latest(ctx, id); err != nil {
			return events.Stored{}, err
		}
		on = fresh
	}
	return events.Stored{}, fmt.Errorf("command %s: %d races lost for one input", id, foldTries)
}

// unchanged returns the latest event of the command of from, once more. That nothing
// follows from a postback must not be concluded from what a leader had that is cut off
// from the others: the sender does not say it again. Any other input comes again.
func (b *Bridge) unchanged(ctx context.Context, from events.Stored, in command.Input) (events.Stored, error) {
	if o, is := in.(command.Observe); !is || o.Source != events.SourcePostback {
		return from, nil
	}
	asked, err := b.Stream.Confirm(ctx)
	if err != nil || !asked {
		return from, err
	}
	return b.latest(ctx, from.Command.ID)
}

// appendAll stores the events of one input in their order.
func (b *Bridge) appendAll(ctx context.Context, from events.Stored, list []command.Event) (events.Stored, error) {
	for i, e := range list {
		if i > 0 {
			crash.At(crash.FoldPart)
		}
		seq, err := b.Stream.Append(ctx, e.Kind, e.Command, from.Sequence)
		if err != nil {
			b.recent.forget(e.Command.ID)
			return from, err
		}
		from = events.Stored{Sequence: seq, Kind: e.Kind, Command: e.Command}
		b.recent.keep(from)
		b.logEvent(ctx, e)
	}
	return from, nil
}
