package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"devicebridge/events"
)

const (
	// devicesKept is how long a listing is good: Graph takes long to make one, and
	// who picks a device asks for it several times.
	devicesKept = 30 * time.Second
	// unknownKept is how long a listing is good for an id that is not in it: a
	// device that was just registered is found soon, and a mistyped id does not have
	// Graph list everything each time.
	unknownKept = 5 * time.Second
)

// deviceList is the account's devices as Graph listed them last. Who asks while
// a listing is under way shares it, and a failure is told to those alone.
type deviceList struct {
	directory Directory
	now       func() time.Time
	listing   singleflight.Group

	mu      sync.Mutex
	devices []events.Device
	at      time.Time // when the listing began; zero without one
}

// errAbandoned is what a shared listing ends with when the one who began it went
// away.
var errAbandoned = errors.New("the caller went away")

// all gives the devices as they were maxAge ago at most. It is the caller's own
// slice, and not nil.
func (l *deviceList) all(ctx context.Context, maxAge time.Duration) ([]events.Device, error) {
	for {
		if devices, fresh := l.kept(maxAge); fresh {
			return devices, nil
		}
		listed, err, _ := l.listing.Do("", func() (any, error) { return l.list(ctx) })
		if errors.Is(err, errAbandoned) && ctx.Err() == nil {
			continue // it was another caller who went away
		}
		if err != nil {
			return nil, err
		}
		return slices.Clone(listed.([]events.Device)), nil
	}
}

// find gives the device with an id.
func (l *deviceList) find(ctx context.Context, id string) (device events.Device, found bool, err error) {
	for _, maxAge := range []time.Duration{devicesKept, unknownKept} {
		devices, err := l.all(ctx, maxAge)
		if err != nil {
			return events.Device{}, false, err
		}
		if i := slices.IndexFunc(devices, func(d events.Device) bool { return d.ID == id }); i >= 0 {
			return devices[i], true, nil
		}
	}
	return events.Device{}, false, nil
}

func (l *deviceList) kept(maxAge time.Duration) ([]events.Device, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	age := l.now().Sub(l.at)
	if l.at.IsZero() || age < 0 || age >= maxAge {
		return nil, false
	}
	return slices.Clone(l.devices), true
}

// list asks Graph and keeps what it says.
func (l *deviceList) list(ctx context.Context) ([]events.Device, error) {
	began := l.now()
	devices, err := l.directory.Devices(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", errAbandoned, err)
	case err != nil:
		return nil, err
	case devices == nil:
		devices = []events.Device{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.devices, l.at = devices, began
	return devices, nil
}
