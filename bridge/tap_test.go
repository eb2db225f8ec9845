package bridge_test

import (
	"context"
	"sync"
	"time"

	"devicebridge/events"
)

// tap stands between a bridge and its store, counts what passes and lets a test
// come between. Its zero hooks change nothing.
type tap struct {
	store
	// before runs before an append reaches the store; its error is the append's.
	before func(events.Kind, events.Command) error
	// after runs when an append is stored; its error takes the acknowledgement's
	// place.
	after func(events.Kind, events.Command) error
	// read runs before each leader read; its error is the read's.
	read func(id string) error
	// arm runs before each timer is set; its error is the timer's.
	arm func(id string, at time.Time) error
	// follow, if not nil, runs before a subscription; its error is that one's.
	follow func() error
	// ask runs before Graph is to be asked, put before a payload is stored; their
	// errors are those calls'.
	ask, put func() error
	// erase runs before what is kept of a command is erased; its error is the
	// erasure's.
	erase func() error
	// fill is how full the stream looks where it is not 0.
	fill float64

	mu      sync.Mutex
	kinds   []events.Kind
	reads   int
	alarms  []time.Time
	waiting int
}

func (t *tap) Append(ctx context.Context, kind events.Kind, c events.Command, expected uint64) (uint64, error) {
	if t.before != nil {
		if err := t.before(kind, c); err != nil {
			return 0, err
		}
	}
	seq, err := t.store.Append(ctx, kind, c, expected)
	if err != nil {
		return 0, err
	}
	t.mu.Lock()
	t.kinds = append(t.kinds, kind)
	t.mu.Unlock()
	if t.after != nil {
		if err := t.after(kind, c); err != nil {
			return 0, err
		}
	}
	return seq, nil
}

func (t *tap) Latest(ctx context.Context, id string) (events.Stored, error) {
	t.mu.Lock()
	t.reads++
	t.mu.Unlock()
	if t.read != nil {
		if err := t.read(id); err != nil {
			return events.Stored{}, err
		}
	}
	return t.store.Latest(ctx, id)
}

func (t *tap) Arm(ctx context.Context, id string, at time.Time) error {
	if t.arm != nil {
		if err := t.arm(id, at); err != nil {
			return err
		}
	}
	if err := t.store.Arm(ctx, id, at); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alarms = append(t.alarms, at)
	return nil
}

func (t *tap) Ask(ctx context.Context, id string, at time.Time, try int) error {
	if t.ask != nil {
		if err := t.ask(); err != nil {
			return err
		}
	}
	return t.store.Ask(ctx, id, at, try)
}

func (t *tap) PutPayload(ctx context.Context, name string, payload []byte) (events.ObjectRef, error) {
	if t.put != nil {
		if err := t.put(); err != nil {
			return events.ObjectRef{}, err
		}
	}
	return t.store.PutPayload(ctx, name, payload)
}

func (t *tap) Erase(ctx context.Context, id string, before uint64) (events.Erased, error) {
	if t.erase != nil {
		if err := t.erase(); err != nil {
			return events.Erased{}, err
		}
	}
	return t.store.Erase(ctx, id, before)
}

func (t *tap) Usage(ctx context.Context) float64 {
	if t.fill != 0 {
		return t.fill
	}
	return t.store.Usage(ctx)
}

func (t *tap) SubscribeCommand(ctx context.Context, id string) (func(context.Context) (events.Stored, error), func(), error) {
	if t.follow != nil {
		if err := t.follow(); err != nil {
			return nil, nil, err
		}
	}
	next, stop, err := t.store.SubscribeCommand(ctx, id)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting++
	return next, stop, err
}

// appends gives how many appends were stored.
func (t *tap) appends() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.kinds)
}

// looked gives how many leader reads there were.
func (t *tap) looked() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reads
}

// armed gives when the timer was set to, each time it was.
func (t *tap) armed() []time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]time.Time(nil), t.alarms...)
}

// lastArmed gives when the timer stands, zero if it was never set.
func (t *tap) lastArmed() time.Time {
	alarms := t.armed()
	if len(alarms) == 0 {
		return time.Time{}
	}
	return alarms[len(alarms)-1]
}

// once gives a hook that runs f the first time kind is appended.
func once(kind events.State, f func() error) func(events.Kind, events.Command) error {
	var done sync.Once
	return func(k events.Kind, _ events.Command) (err error) {
		if k == events.KindOf(kind) {
			done.Do(func() { err = f() })
		}
		return err
	}
}

// always gives a hook that fails with err each time kind is appended.
func always(kind events.State, err error) func(events.Kind, events.Command) error {
	return func(k events.Kind, _ events.Command) error {
		if k == events.KindOf(kind) {
			return err
		}
		return nil
	}
}
