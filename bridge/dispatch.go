package bridge

import (
	"context"
	"errors"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/bridge/crash"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// Delivery is what woke the bridge for a command: a message that comes again
// unless it is done, and again after Lease without a sign of life.
type Delivery struct {
	// Count is 1 for the first delivery of the message.
	Count uint64
	// Sent is when the message was stored, by the clock that timers run on. Zero: not
	// known.
	Sent time.Time
	// Alive starts the lease anew.
	Alive func() error
	// Confirm is not 0 where Graph is to be asked about the command whatever else is
	// due, for so many times, see Timers.Ask.
	Confirm int
}

const (
	// shortPause is how long a delivery waits when something is not ready.
	shortPause = time.Second
	longPause  = 30 * time.Second
	// longestPause is how long a command waits at a time while sending is paused.
	longestPause = time.Minute
	// settleFor is how long the outcome of a POST is offered to a stream that
	// does not take it.
	settleFor    = time.Minute
	deferFirst   = time.Second
	deferLeast   = time.Second / 8
	deferLongest = 5 * time.Minute
)

// Dispatch sends an accepted command. from is its accepted event, as delivered.
// It gives how long to wait before the delivery must come again, 0 when done.
func (b *Bridge) Dispatch(ctx context.Context, from events.Stored, d Delivery) time.Duration {
	if d.Count > 1 {
		latest, err := b.Stream.Latest(ctx, from.Command.ID)
		if events.HasCode(err, events.CodeNotFound) || b.unreadable(from.Command.ID, err) {
			return 0
		}
		if err != nil {
			return b.again(from.Command, d)
		}
		from = latest
	}
	return b.drive(ctx, from, d, queueWait)
}

// drive takes a command that may have to be sent through one attempt. It waits for a
// place among the POSTs under way for at most most.
func (b *Bridge) drive(ctx context.Context, from events.Stored, d Delivery, most time.Duration) time.Duration {
	c := from.Command
	now := b.Now()
	if c.State == events.StateSending {
		return b.checkLease(ctx, from, d)
	}
	b.leases.forget(c.ID)
	if c.State != events.StateAccepted && c.State != events.StateDeferred {
		return 0 // it moved on, and whoever moved it left it a timer
	}
	switch step, at := b.next(c, now); {
	case step == command.StepLeave:
		return b.leave(ctx, from, d)
	case now.Before(at):
		return b.rearm(ctx, from, at, d)
	case step == command.StepExpire:
		return b.expire(ctx, from, d)
	case step == command.StepPoll:
		return b.poll(ctx, from, d)
	case b.Paused, c.Attempt > 0 && b.Shelf.Usage(ctx) >= fullFrom:
		// What is left of a nearly full stream is for commands to end, and not for one
		// that Graph does not take to be tried again and again.
		wait := jitter(min(max(now.Sub(c.UpdatedAt), longPause), longestPause))
		return b.rearm(ctx, from, earlier(now.Add(wait), c.ExpiresAt), d)
	}
	place, wait := b.sendPlace(ctx, c, most)
	if wait > 0 {
		// Left to its timer: a delivery that waits holds one of the places of its
		// consumer, and what waits for Graph may be more than there are places.
		return b.rearm(ctx, from, earlier(b.Now().Add(wait), c.ExpiresAt), d)
	}
	defer place.leave()
	if !b.Now().Before(c.ExpiresAt) {
		return b.expire(ctx, from, d) // it waited for its place until then
	}
	return b.attempt(ctx, from, d, place)
}

// sendPlace gives a place among the POSTs under way to a command that can be sent now,
// or how long it has to wait.
func (b *Bridge) sendPlace(ctx context.Context, c events.Command, most time.Duration) (_ *place, wait time.Duration) {
	if wait := b.throttled(); wait > 0 {
		return nil, wait
	}
	place := b.sends.enter(ctx, most)
	if place == nil {
		return nil, b.asLongAgain(c)
	}
	given := false
	defer func() {
		if !given { // also when what is asked breaks down
			place.leave()
		}
	}()
	if wait := b.notReady(ctx, c); wait > 0 {
		return nil, wait
	}
	given = true
	return place, 0
}

// asLongAgain gives a wait as long as c has waited already, so that many that wait do
// not hurry.
func (b *Bridge) asLongAgain(c events.Command) time.Duration {
	return jitter(min(max(b.Now().Sub(c.UpdatedAt), shortPause), longPause))
}

// throttled gives how long a command waits because Graph throttles, 0 when it does not.
func (b *Bridge) throttled() time.Duration {
	if wait := b.throttle.remaining(b.Steady()); wait > 0 {
		return jitter(wait + 10*time.Millisecond)
	}
	return 0
}

// notReady asks everything before the claim: a claim that cannot be followed by
// a POST would cost the command its certainty.
func (b *Bridge) notReady(ctx context.Context, c events.Command) time.Duration {
	if wait := b.throttled(); wait > 0 {
		return wait
	}
	err := b.Sender.Ready(ctx)
	if err == nil {
		steady := b.Steady()
		return b.Policy.Turn(c.ID, c.DeviceID, steady, steady.Add(c.ExpiresAt.Sub(b.Now()))) // last: it takes a place at the rate
	}
	// The reason was told once for all of them, by the sign-in or by the client.
	b.Log.Debug("command waits: nothing can be sent to Graph now", "command", c.ID, "error", err)
	b.waiters.add(c.ID)
	wait := b.asLongAgain(c)
	if open, ok := errors.AsType[*graph.CircuitOpenError](err); ok {
		return max(wait, open.Wait()+jitter(shortPause))
	}
	return wait
}

// attempt claims the command and, as the proven winner, sends it once. It leaves place
// when the POST is over.
func (b *Bridge) attempt(ctx context.Context, from events.Stored, d Delivery, place *place) time.Duration {
	ctx, end := b.Tracer.Step(ctx, "attempt")
	defer end()
	id := from.Command.ID
	payload, err := b.requestPayload(ctx, from.Command)
	if err != nil {
		return b.withoutPayload(ctx, from, d, err)
	}
	claim := command.Apply(from.Command, command.Claim{At: b.Now()})
	if len(claim) == 0 {
		return shortPause
	}
	// From here on the record alone must wake somebody up: the timer stands before
	// the claim does, and not later than the command's end.
	if err := b.Timers.Arm(ctx, id, earlier(b.Now().Add(b.Timing.PollFirst), from.Command.ExpiresAt)); err != nil {
		b.Log.Warn("command waits: its timer cannot be set", "command", id, "error", err)
		return b.again(from.Command, d)
	}
	crash.At(crash.DispatchArmed)
	if err := d.Alive(); err != nil {
		return b.again(from.Command, d)
	}
	claimed, err := b.claim(ctx, from, claim)
	if err != nil {
		// Lost, or not proven: the next look at the record decides. No POST.
		return shortPause
	}
	crash.At(crash.DispatchClaimed)
	sent := claimed.Command
	observation, err := b.Sender.Send(graph.About(ctx, id), graph.CommandRequest{
		DeviceID:          sent.DeviceID,
		Type:              sent.Type,
		Payload:           payload,
		AppServiceName:    sent.AppServiceName,
		PackageFamilyName: sent.PackageFamilyName,
		PostBackURI:       b.Callbacks.CallbackURL(id, b.callbackExpiry(sent)),
	})
	crash.At(crash.DispatchPosted)
	in := b.outcome(sent, observation, err)
	place.leave() // later than the outcome: who comes next knows of a pause
	after, err := b.settle(ctx, claimed, in)
	crash.At(crash.DispatchSettled)
	if err != nil {
		b.Log.Error("what Graph answered could not be stored; the command will be outcomeUnknown until a postback tells more",
			"command", id, "error", err)
		return b.Lease
	}
	if after.Command.State == events.StateDeferred || after.Command.Sequence > claimed.Command.Sequence+1 {
		// The claim's timer is too late for the retry, or was spent on what others
		// stored in the meantime.
		return b.wake(ctx, after, d)
	}
	return 0
}

// claim stores a claim; only its proven winner may send.
func (b *Bridge) claim(ctx context.Context, from events.Stored, list []command.Event) (events.Stored, error) {
	if crash.Without(crash.ClaimFirst) {
		return events.Stored{Sequence: from.Sequence, Kind: list[0].Kind, Command: list[0].Command}, nil
	}
	return b.appendAll(ctx, from, list)
}

// outcome turns what came of the POST into an input of the fold.
func (b *Bridge) outcome(c events.Command, o events.Observation, err error) command.Input {
	now := b.Now()
	if err == nil {
		b.Hooks.Sent(SendTaken)
		b.sends.change((*pace).grow)
		return command.Observe{At: now, Source: events.SourceDispatch, Observation: o}
	}
	failure := failureOf(err)
	sending, ok := errors.AsType[*graph.SendError](err)
	switch {
	case ok && sending.Outcome == graph.NotTaken:
		b.Hooks.Sent(SendNotTaken)
		wait := deferral(c.Attempt)
		hold := wait
		// A Retry-After of nothing, such as a date that has passed by this host's
		// clock, is no reason to go round without a pause. Nor is one of next to nothing
		// for a command that was tried often; but only for that one.
		if sending.RetryAfter > 0 {
			hold = sending.RetryAfter
			wait = max(hold, leastDeferral(c.Attempt))
		}
		if throttles(failure) {
			steady := b.Steady()
			b.throttle.hold(steady.Add(hold))
			b.sends.change(func(p *pace) bool { return p.shrink(steady, steady.Add(hold)) })
		}
		return command.Defer{At: now, Attempt: c.Attempt, RetryAt: now.Add(wait).UTC(), Error: failure}
	case ok && sending.Outcome == graph.Refused:
		b.Hooks.Sent(SendRefused)
		return command.Refuse{At: now, Attempt: c.Attempt, Error: failure}
	default:
		b.Hooks.Sent(SendUnknown)
		return command.LoseTrack{At: now, Attempt: c.Attempt, Source: events.SourceDispatch, Error: failure}
	}
}

// settle stores the outcome of a POST, patiently: it is known only here.
func (b *Bridge) settle(ctx context.Context, claimed events.Stored, in command.Input) (events.Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	for {
		var after events.Stored
		var err error
		if report, ok := in.(command.Observe); ok {
			after, err = b.observe(ctx, claimed, given, report)
		} else {
			after, err = b.fold(ctx, claimed, given, in)
		}
		if err == nil || !events.HasCode(err, events.CodeUnavailable) {
			return after, err
		}
		if !pause(ctx, shortPause) {
			return after, err
		}
	}
}

// callbackExpiry is when the stream lets go of the command.
func (b *Bridge) callbackExpiry(c events.Command) time.Time { return c.CreatedAt.Add(b.MaxAge) }

// deferral gives how long Graph is left alone after attempt failed attempts.
func deferral(attempt int) time.Duration {
	return jitter(doubled(deferFirst, uint64(max(attempt, 1)), deferLongest))
}

// leastDeferral returns how long a command waits at least after attempt failed
// attempts, however soon Graph wants to be asked again.
func leastDeferral(attempt int) time.Duration {
	return doubled(deferLeast, uint64(max(attempt, 1)), deferLongest)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func doubled(first time.Duration, count uint64, longest time.Duration) time.Duration {
	d := first
	for i := uint64(1); i < count && d < longest; i++ {
		d *= 2
	}
	return min(d, longest)
}
