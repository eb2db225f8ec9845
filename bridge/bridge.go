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
	Payloads  Payloads
	Eraser    Eraser
	Sender    Sender
	Observer  Observer
	Directory Directory
	Callbacks Callbacks
	// Policy is asked before a command is accepted, and before it is sent. Nil: what
	// has the form of a request is allowed, at any rate.
	Policy Policy

	// MaxMessage is the largest NATS message, in bytes. Zero: 1 MiB.
	MaxMessage int
	// MaxAge is how long events are kept and callbacks are good. Zero: 7 days.
	MaxAge time.Duration
	// ExpiresDefault and ExpiresMax bound a command's life. Zero: 1 h and 72 h.
	ExpiresDefault, ExpiresMax time.Duration
	// Timing's zero members: polls after 30 s, then up to 5 min apart, growth 2;
	// grace 1 h.
	Timing command.Timing
	// Paused: nothing is sent; everything else goes on. It is for a store that was
	// restored from a backup, until Quarantine has been asked for.
	Paused bool
	// Hindered tells what keeps anything from being sent to Graph now, without asking
	// anybody: it is called for each receipt. Nil: nothing does.
	Hindered func() []events.Wait
	// ConfirmPostbacks: a postback's terminal status is a hint, for which Graph is
	// asked; only its own answer is published. A registered command, for which
	// nobody can be asked, is told the end by the postback all the same.
	ConfirmPostbacks bool
	// Lease is how long a claim may stand before another replica calls its outcome
	// unknown; it exceeds the POST time-out. Zero: 60 s.
	Lease time.Duration
	// Sends is how many POSTs may be under way at once. While Graph throttles, fewer
	// are. Zero: 16.
	Sends int
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Steady is a clock that is never set, for what waits in memory: its times are
	// compared with each other only. Nil: Now, and so time.Now, whose times have a
	// monotonic reading.
	Steady func() time.Time
	// Hooks are for metrics.
	Hooks Hooks
	// Tracer may be nil.
	Tracer Tracer
	// Log may be nil.
	Log *slog.Logger
}

// Hooks are told what happens. Any may be nil.
type Hooks struct {
	// Event: an event was stored.
	Event func(EventFacts)
	// Sent: a POST was tried.
	Sent func(SendOutcome)
	// SendLimit: so many POSTs may be under way from now on. It must return at once.
	SendLimit func(int)
	// Swept: a sweep ended.
	Swept func(SweepReport)
	// Erased: this was taken away of a command.
	Erased func(events.Erased)
	// Unreadable: the latest event of a command cannot be read.
	Unreadable func()
	// Polled: Graph was asked for the status of a command.
	Polled func(PollResult)
}

// EventFacts is what may be told of an event beyond its command: nothing in it has
// more than a few values, apart from the age.
type EventFacts struct {
	Kind   events.Kind
	Source events.Source
	// Age is the time from the command's creation to this event, 0 for its first.
	Age time.Duration
}

// SendOutcome is what came of a POST.
type SendOutcome string

// The outcomes of a POST.
const (
	SendTaken    SendOutcome = "taken"
	SendNotTaken SendOutcome = "notTaken"
	SendRefused  SendOutcome = "refused"
	SendUnknown  SendOutcome = "unknown"
)

// PollResult is what came of asking Graph for the status of a command.
type PollResult string

// The results of a poll. Graph may not know a command yet, or not any more.
const (
	PollAnswered PollResult = "answered"
	PollNotFound PollResult = "notFound"
	PollFailed   PollResult = "failed"
)

// Bridge does the steps of commands' lives. It is safe for concurrent use.
// Of a command it holds in memory only how long it has been seen unchanged under a
// claim, that it waits for a token, and the latest events of those used last; beside
// that, the pause while Graph throttles and the POSTs that may be under way, the devices as they were listed last, and
// how far the last sweep got.
type Bridge struct {
	Options
	throttle throttle
	sends    *sendLimit
	leases   leases
	recent   recent
	waiters  waiters
	devices  deviceList
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
		{"Payloads", o.Payloads == nil}, {"Eraser", o.Eraser == nil},
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
	setDefault(&o.Timing.PollGrowth, 2)
	setDefault(&o.Timing.Grace, time.Hour)
	setDefault(&o.Lease, time.Minute)
	setDefault(&o.Sends, 16)
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
	if o.Steady == nil {
		o.Steady = o.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Hindered == nil {
		o.Hindered = func() []events.Wait { return nil }
	}
	if o.Policy == nil {
		o.Policy = anything{}
	}
	if o.Tracer == nil {
		o.Tracer = untraced{}
	}
	o.Hooks = o.Hooks.complete()
	return &Bridge{
		Options: o, sends: newSendLimit(o.Sends, o.Hooks.SendLimit), recent: newRecent(), waiting: make(chan struct{}, maxWaiting),
		devices: deviceList{directory: o.Directory, now: o.Steady},
	}, nil
}

// anything is the policy of a bridge that was given none.
type anything struct{}

// Admit gives every request as it is.
func (anything) Admit(r events.Request) (events.Request, *events.Error) { return r, nil }

// Delay tells that none has to wait.
func (anything) Delay(string, time.Time) time.Duration { return 0 }

// Turn lets every command go now.
func (anything) Turn(string, string, time.Time, time.Time) time.Duration { return 0 }

// complete puts functions that do nothing in the places that are empty.
func (h Hooks) complete() Hooks {
	if h.Event == nil {
		h.Event = func(EventFacts) {}
	}
	if h.Sent == nil {
		h.Sent = func(SendOutcome) {}
	}
	if h.SendLimit == nil {
		h.SendLimit = func(int) {}
	}
	if h.Swept == nil {
		h.Swept = func(SweepReport) {}
	}
	if h.Erased == nil {
		h.Erased = func(events.Erased) {}
	}
	if h.Unreadable == nil {
		h.Unreadable = func() {}
	}
	if h.Polled == nil {
		h.Polled = func(PollResult) {}
	}
	return h
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// jitter spreads d by up to a tenth either way, so that what began together does
// not go on together.
func jitter(d time.Duration) time.Duration { return spread(d, 0.1) }

// spread moves d by up to the part of it either way.
func spread(d time.Duration, part float64) time.Duration {
	return d + time.Duration((rand.Float64()*2-1)*part*float64(d)) //nolint:gosec // not a secret
}
