package bridge

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// Options configure a Bridge. Members without a remark are required.
type Options struct {
	Subjects  events.Subjects // zero: the default prefix
	Stream    Stream
	Shelf     Shelf
	Watcher   Watcher
	Timers    Timers
	Sender    Sender
	Observer  Observer
	Directory Directory
	Callbacks Callbacks

	// MaxMessage is the largest NATS message, in bytes. Zero: 1 MiB.
	MaxMessage int
	// MaxAge is how long events are kept and callbacks are good. Zero: 7 days.
	MaxAge time.Duration
	// ExpiresDefault and ExpiresMax bound a command's life. Zero: 1 h and 72 h.
	ExpiresDefault, ExpiresMax time.Duration
	// Timing's zero members: polls after 30 s, then up to 5 min apart; grace 1 h.
	Timing command.Timing
	// Lease is how long a claim may stand before another replica calls its outcome
	// unknown; it exceeds the POST time-out. Zero: 60 s.
	Lease time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
}

// Bridge does the steps of commands' lives. It is safe for concurrent use and
// holds nothing about a command in memory that its record does not tell, except
// how long it has been seen unchanged under a claim.
type Bridge struct {
	Options
	throttle throttle
	leases   leases
	// waiting holds a place for each request that waits for its command's end.
	waiting chan struct{}
	// sweepMark is before the creation of the oldest command that had not ended
	// when the last sweep looked.
	sweepMark atomic.Pointer[time.Time]
}

// New checks the options and gives a Bridge.
func New(o Options) (*Bridge, error) {
	var faults []error
	for _, part := range []struct {
		name    string
		missing bool
	}{
		{"Stream", o.Stream == nil}, {"Shelf", o.Shelf == nil}, {"Watcher", o.Watcher == nil}, {"Timers", o.Timers == nil},
		{"Sender", o.Sender == nil}, {"Observer", o.Observer == nil}, {"Directory", o.Directory == nil}, {"Callbacks", o.Callbacks == nil},
	} {
		if part.missing {
			faults = append(faults, errors.New("bridge: Options."+part.name+" is required"))
		}
	}
	setDefault(&o.MaxMessage, 1<<20)
	setDefault(&o.MaxAge, 7*24*time.Hour)
	setDefault(&o.ExpiresDefault, time.Hour)
	setDefault(&o.ExpiresMax, 72*time.Hour)
	setDefault(&o.Timing.PollFirst, 30*time.Second)
	setDefault(&o.Timing.PollMax, 5*time.Minute)
	setDefault(&o.Timing.Grace, time.Hour)
	setDefault(&o.Lease, time.Minute)
	if o.ExpiresMax+o.Timing.Grace > o.MaxAge || o.ExpiresDefault > o.ExpiresMax {
		faults = append(faults, errors.New("bridge: ExpiresDefault must not exceed ExpiresMax, nor ExpiresMax with the grace MaxAge: "+
			"a command would leave the stream before it ends"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Bridge{Options: o, waiting: make(chan struct{}, maxWaiting)}, nil
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// jitter spreads d by up to a tenth either way, so that what began together does
// not go on together.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d)) //nolint:gosec // not a secret
}
