package emulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// controlPrefix is the emulator's own namespace, which no Graph path begins with.
const controlPrefix = "/emulator/"

// control is the surface for scripts and people beside the Graph side; the package comment lists it. It asks for no
// token, so by default it answers callers on this machine only.
type control struct {
	e *Emulator
}

func newControl(e *Emulator) http.Handler {
	c := control{e: e}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /emulator/commands", c.commands)
	mux.HandleFunc("POST /emulator/commands/{id}/status", c.drive)
	mux.HandleFunc("GET /emulator/devices", c.devices)
	mux.HandleFunc("PUT /emulator/devices/{id}/script", c.script)
	mux.HandleFunc("PUT /emulator/devices/{id}/response", c.response)
	mux.HandleFunc("GET /emulator/faults", c.faults)
	mux.HandleFunc("PUT /emulator/faults", c.setFaults)
	if e.opts.OpenControl {
		return wire.OwnPagesOnly(mux)
	}
	return wire.LocalOnly(wire.OwnPagesOnly(mux))
}

// controlAnswer writes body, an error, or 204 when both are nil.
func controlAnswer(w http.ResponseWriter, body any, err error) {
	var f *wire.Fail
	if err != nil {
		f = controlError(err)
	}
	wire.Control(w, body, f)
}

func controlError(err error) *wire.Fail {
	f, ok := errors.AsType[*wire.Fail](err)
	switch {
	case ok:
	case errors.Is(err, ErrUnknownDevice), errors.Is(err, ErrUnknownCommand):
		f = notFound("%v", err)
	case errors.Is(err, ErrClosed), errors.Is(err, ErrBusy):
		f = &wire.Fail{Status: http.StatusConflict, Code: "conflict", Message: err.Error()}
	default:
		f = wire.BadRequest("%v", err)
	}
	return f
}

func (c control) body(w http.ResponseWriter, r *http.Request, v any) error {
	return wire.ControlBody(w, r, c.e.opts.MaxBody, v)
}

// maxControlPage is the most POSTs in one answer of the ledger.
const maxControlPage = 1000

func (c control) commands(w http.ResponseWriter, r *http.Request) {
	after, err := number(r, "after", 0)
	if err != nil {
		controlAnswer(w, nil, err)
		return
	}
	limit, err := number(r, "limit", maxControlPage)
	if err != nil {
		controlAnswer(w, nil, err)
		return
	}
	c.e.mu.Lock()
	list := c.e.store.after(after, min(limit, maxControlPage))
	total := c.e.store.last
	c.e.mu.Unlock()
	value := make([]receivedJSON, len(list))
	for i, rec := range list {
		value[i] = newReceivedJSON(rec)
	}
	controlAnswer(w, map[string]any{"total": total, "value": value}, nil)
}

func number(r *http.Request, name string, zero int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return zero, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, wire.BadRequest("The query option '%s' must be a number from 0 up.", name)
	}
	return n, nil
}

func (c control) drive(w http.ResponseWriter, r *http.Request) {
	var body stepJSON
	err := c.body(w, r, &body)
	if err == nil {
		err = c.e.Drive(r.PathValue("id"), body.step())
	}
	controlAnswer(w, nil, err)
}

func (c control) devices(w http.ResponseWriter, _ *http.Request) {
	c.e.mu.Lock()
	value := make([]deviceJSON, len(c.e.devices))
	for i, d := range c.e.devices {
		value[i] = newDeviceJSON(d)
	}
	c.e.mu.Unlock()
	controlAnswer(w, map[string]any{"value": value}, nil)
}

func (c control) script(w http.ResponseWriter, r *http.Request) {
	var body []stepJSON
	err := c.body(w, r, &body)
	if err == nil {
		err = c.e.SetScript(r.PathValue("id"), steps(body))
	}
	controlAnswer(w, nil, err)
}

func (c control) response(w http.ResponseWriter, r *http.Request) {
	var body map[string]json.RawMessage
	err := c.body(w, r, &body)
	if err == nil {
		err = c.e.SetResponse(r.PathValue("id"), anyKeys(body))
	}
	controlAnswer(w, nil, err)
}

func (c control) faults(w http.ResponseWriter, _ *http.Request) {
	controlAnswer(w, newFaultsJSON(c.e.dice.current()), nil)
}

func (c control) setFaults(w http.ResponseWriter, r *http.Request) {
	var body faultsJSON
	err := c.body(w, r, &body)
	if err == nil {
		err = c.e.SetFaults(body.faults())
	}
	controlAnswer(w, nil, err)
}
