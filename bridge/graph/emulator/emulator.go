package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"devicebridge/bridge/graph/emulator/internal/batch"
	"devicebridge/bridge/graph/emulator/internal/wire"
)

var (
	// ErrClosed is given once Close or Shutdown has been called.
	ErrClosed = errors.New("the emulator is closed")
	// ErrUnknownDevice is given for a device id that is not in Options.Devices.
	ErrUnknownDevice = errors.New("no such device")
	// ErrUnknownCommand is given for a command id that was never given out, or is forgotten.
	ErrUnknownCommand = errors.New("no such command")
	// ErrBusy is given by Drive while too many postbacks of the command wait for their delivery.
	ErrBusy = errors.New("too many postbacks are waiting")
)

// Emulator is the device-command part of Microsoft Graph. It is an http.Handler; the package comment lists its paths.
// Its methods may be called from several goroutines.
type Emulator struct {
	opts    Options
	base    []string
	control http.Handler
	client  *http.Client
	slots   chan struct{} // one for each postback under way
	dice    dice

	// ctx ends at Close; scripts and postbacks run under it.
	ctx    context.Context //nolint:containedctx // a lifetime, not a call: it outlives every request
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	draining bool
	devices  []*device
	store    store
}

// device is a Device with its response fixed as JSON.
type device struct {
	Device
	appKeys map[string]json.RawMessage
}

// New gives an emulator, or an error that names every field of the options that is wrong. Close or Shutdown it after
// the server it is mounted on has stopped.
func New(o Options) (*Emulator, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("emulator options: %w", err)
	}
	e := &Emulator{
		opts:   o,
		base:   strings.FieldsFunc(o.BasePath, func(r rune) bool { return r == '/' }),
		client: newPostbackClient(o),
		slots:  make(chan struct{}, o.PostbackConcurrency),
		store:  store{maxEntries: o.MaxCommands, maxBytes: o.MaxBytes, commands: map[string]*command{}},
	}
	e.dice.reset(o.Faults)
	for _, d := range o.Devices {
		e.devices = append(e.devices, newDevice(d))
	}
	e.control = newControl(e)
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e, nil
}

// ServeHTTP answers the Graph side under Options.BasePath, $batch there and in v1.0, and the control surface under
// /emulator/, and hands the rest to Options.Directory. A lost answer ends in panic(http.ErrAbortHandler), which net/http turns into a closed connection.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case batch.Is(r.URL, e.base, []string{"v1.0"}):
		x := wire.NewExchange(w, r, e.opts.Profile.innerError())
		batch.Serve(x, e.opts.MaxBody, e.admitBatch, http.HandlerFunc(e.serveBatched))
	case e.opts.Directory != nil && e.isDirectory(r.URL):
		e.opts.Directory.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, controlPrefix):
		e.control.ServeHTTP(w, r)
	default:
		e.serveGraph(w, r)
	}
}

// serveBatched answers a request out of a batch: the directory's and the emulator's own, and none of a control surface,
// whose callers are judged by headers that a batch does not hand on.
func (e *Emulator) serveBatched(w http.ResponseWriter, r *http.Request) {
	if e.opts.Directory != nil && e.isDirectory(r.URL) && !strings.HasPrefix(r.URL.Path, controlPrefix) {
		e.opts.Directory.ServeHTTP(w, r)
		return
	}
	e.serveGraph(w, r)
}

// admitBatch refuses a batch whose token is good for nothing; what a good one permits is decided for each request.
func (e *Emulator) admitBatch(token string) error {
	if err := e.opts.Authorize(token, Permissions{}); err != nil && !errors.Is(err, ErrForbidden) {
		return wire.Unauthorised("The access token was refused: "+err.Error()+".", "invalid_token")
	}
	return nil
}

// serveGraph answers the emulator's own part of Graph.
func (e *Emulator) serveGraph(w http.ResponseWriter, r *http.Request) {
	x := wire.NewExchange(w, r, e.opts.Profile.innerError())
	rt, err := parseRoute(e.base, r.URL)
	if err == nil {
		err = rt.checkMethod(r.Method)
	}
	switch {
	case err != nil:
		x.Write(x.Refusal(err))
	case rt.op == OpSend:
		e.send(x, rt.device)
	default:
		e.read(x, rt)
	}
}

// Commands gives a copy of the ledger: every POST of a command that is still remembered, in the order of arrival.
func (e *Emulator) Commands() []Received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.store.after(0, len(e.store.entries))
}

// SetScript gives the device another script, for commands that are taken from now on. Nil means DefaultScript.
func (e *Emulator) SetScript(deviceID string, script []Step) error {
	if err := validateScript("script", script); err != nil {
		return err
	}
	return e.change(deviceID, func(d *device) { d.Script = slices.Clone(script) })
}

// SetResponse gives the device another app answer, for commands that are taken from now on. Nil means Graph's example.
func (e *Emulator) SetResponse(deviceID string, response map[string]any) error {
	keys, err := appAnswer(response)
	if err != nil {
		return fmt.Errorf("response: cannot be written as JSON: %w", err)
	}
	return e.change(deviceID, func(d *device) { d.appKeys = keys })
}

// SetFaults puts other faults in place of the present ones and starts their sequences over.
func (e *Emulator) SetFaults(f Faults) error {
	if err := f.validate(); err != nil {
		return err
	}
	e.dice.reset(f)
	return nil
}

func (e *Emulator) change(deviceID string, f func(*device)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.device(deviceID)
	if d == nil {
		return fmt.Errorf("device %q: %w", deviceID, ErrUnknownDevice)
	}
	f(d)
	return nil
}

// device gives nil for an unknown id. The caller holds the lock.
func (e *Emulator) device(id string) *device {
	i := slices.IndexFunc(e.devices, func(d *device) bool { return d.ID == id })
	if i < 0 {
		return nil
	}
	return e.devices[i]
}

// Close refuses new commands with 503, stops scripts and postbacks where they stand, and waits for them. Reads are
// answered on. It always gives nil and may be called again.
func (e *Emulator) Close() error {
	e.drain()
	e.cancel()
	e.wg.Wait()
	e.client.CloseIdleConnections()
	return nil
}

// Shutdown refuses new commands with 503, lets the running scripts come to their end and their postbacks be
// delivered, and waits for that. When ctx ends first it does what Close does and gives ctx's error.
func (e *Emulator) Shutdown(ctx context.Context) error {
	e.drain()
	idle := make(chan struct{})
	go func() {
		e.wg.Wait()
		close(idle)
	}()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = e.Close()
	<-idle
	return err
}

func (e *Emulator) drain() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.draining = true
}
