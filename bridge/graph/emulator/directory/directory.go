package directory

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/internal/batch"
	"devicebridge/bridge/graph/emulator/internal/wire"
)

var (
	// ErrUnknownDevice is given for an id that no device has.
	ErrUnknownDevice = errors.New("no such device")
	// ErrNotDeleted is given by Restore for a device that is there.
	ErrNotDeleted = errors.New("the device is not deleted")
	// ErrNotRestorable is given by Restore for a device that was deleted for good.
	ErrNotRestorable = errors.New("the device was deleted for good")
)

// Directory is the device part of a directory. It is an http.Handler; the package comment lists its paths. Its methods
// may be called from several goroutines.
type Directory struct {
	opts       Options
	base       []string
	operations map[Operation]operation
	control    http.Handler
	sealer     sealer
	objects    objects
	dice       dice

	mu       sync.Mutex
	store    store
	requests map[Operation]int
	made     maker
}

// New gives a directory, or an error that names every field of the options that is wrong.
func New(o Options) (*Directory, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("directory options: %w", err)
	}
	d := &Directory{
		opts:       o,
		base:       strings.FieldsFunc(o.BasePath, func(r rune) bool { return r == '/' }),
		operations: map[Operation]operation{},
		store:      newStore(deviceSchema(), o.MaxDevices, o.DeltaLifetime),
		requests:   map[Operation]int{},
		made:       newMaker(o.Seed),
	}
	for _, op := range operations() {
		d.operations[op.op] = op
	}
	if d.objects, err = newObjects(o.Objects); err != nil {
		return nil, fmt.Errorf("directory options: %w", err)
	}
	if d.sealer, err = newSealer(); err != nil {
		return nil, err
	}
	for i, e := range o.Devices {
		if _, err := d.Put(e); err != nil {
			return nil, fmt.Errorf("directory options: Devices[%d]: %w", i, err)
		}
	}
	d.dice.reset(o.Faults, o.Seed)
	d.control = newControl(d)
	return d, nil
}

// ServeHTTP answers the Graph side under Options.BasePath, $batch there too, and the control surface under /emulator/directory/. A lost
// answer ends in panic(http.ErrAbortHandler), which net/http turns into a closed connection.
func (d *Directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlPrefix) {
		d.control.ServeHTTP(w, r)
		return
	}
	if batch.Is(r.URL, d.base) {
		batch.Serve(wire.NewExchange(w, r, "innerError"), d.opts.MaxBody, d.admitBatch, http.HandlerFunc(d.serveGraph))
		return
	}
	d.serveGraph(w, r)
}

// admitBatch refuses a batch whose token is good for nothing; what a good one permits is decided for each request.
func (d *Directory) admitBatch(token string) error {
	if err := d.opts.Authorize(token, emulator.Permissions{}); err != nil && !errors.Is(err, emulator.ErrForbidden) {
		return wire.Unauthorised("The access token was refused: "+err.Error()+".", "invalid_token")
	}
	return nil
}

// serveGraph answers one call of the Graph side.
func (d *Directory) serveGraph(w http.ResponseWriter, r *http.Request) {
	x := wire.NewExchange(w, r, "innerError")
	rt, err := parseRoute(d.base, r.Method, r.URL)
	if err != nil {
		x.Write(x.Refusal(err))
		return
	}
	d.serve(x, rt)
}

// Requests gives how often each call was made since the start, refused ones included.
func (d *Directory) Requests() map[Operation]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.requests)
}

// Devices gives a copy of the devices that are there, in the order of their creation.
func (d *Directory) Devices() []Device {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.store.all()
	list := make([]Device, 0, len(all))
	for _, r := range all {
		c, _ := plain(r.device) // it was decoded from JSON
		list = append(list, c)
	}
	return list
}

// SetFaults puts other faults in place of the present ones and starts their sequences over.
func (d *Directory) SetFaults(f Faults) error {
	if err := f.validate(); err != nil {
		return err
	}
	d.dice.reset(f, d.opts.Seed)
	return nil
}

// ExpireDeltaTokens makes every delta and skip token of a delta that was given before now expired.
func (d *Directory) ExpireDeltaTokens() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.store.epoch++
}

// Put creates a device or replaces the one with its id, which comes back if it was deleted; an entry without an id
// gets one. It takes read-only members too, and gives the id. The error names the member that is wrong.
func (d *Directory) Put(e Entry) (string, error) {
	members, err := plain(e.Device)
	if err != nil {
		return "", err
	}
	schema := d.store.schema // which never changes
	if err := errors.Join(schema.checkRequired(members), schema.check(members)); err != nil {
		return "", err
	}
	l, err := d.objects.links(e)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.store.byID[strings.ToLower(Device(members).ID())]
	if r == nil {
		if r, err = d.store.create(members, l); err != nil {
			return "", err
		}
		return r.device.ID(), nil
	}
	if r.deleted != 0 {
		if err := d.store.restore(r); err != nil {
			return "", err
		}
	}
	if err := d.store.replace(r, schema.whole(members)); err != nil {
		return "", err
	}
	r.links = l
	return r.device.ID(), nil
}

// Patch changes members of a device, read-only ones too. An unknown id wraps ErrUnknownDevice.
func (d *Directory) Patch(id string, members Device) error {
	plainMembers, err := plain(members)
	if err != nil {
		return err
	}
	if _, ok := plainMembers["id"]; ok {
		return errors.New("the property 'id' never changes")
	}
	if err := d.store.schema.check(plainMembers); err != nil {
		return err
	}
	return d.change(id, func(r *record) error {
		return d.store.replace(r, r.device.with(plainMembers))
	})
}

// Delete deletes a device, for good or so that it can be restored. An unknown id wraps ErrUnknownDevice.
func (d *Directory) Delete(id string, permanent bool) error {
	return d.change(id, func(r *record) error {
		d.store.remove(r, permanent, time.Now())
		return nil
	})
}

// Restore brings back a device that was deleted and not for good.
func (d *Directory) Restore(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.store.byID[strings.ToLower(id)]
	switch {
	case r == nil:
		return fmt.Errorf("device %q: %w", id, ErrUnknownDevice)
	case r.deleted == 0:
		return fmt.Errorf("device %q: %w", id, ErrNotDeleted)
	case r.reason == reasonDeleted:
		return fmt.Errorf("device %q: %w", id, ErrNotRestorable)
	}
	return d.store.restore(r)
}

func (d *Directory) change(id string, f func(*record) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.store.living(key{id: id})
	if r == nil {
		return fmt.Errorf("device %q: %w", id, ErrUnknownDevice)
	}
	return f(r)
}
