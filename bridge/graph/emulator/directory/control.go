package directory

import (
	"errors"
	"net/http"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// controlPrefix is the directory's part of the emulator's own namespace, which no Graph path begins with.
const controlPrefix = "/emulator/directory/"

// maxMade is the most devices that one call of the control surface makes or changes.
const maxMade = 100_000

// control is the surface for scripts and people beside the Graph side; the package comment lists it. It asks for no
// token, so by default it answers callers on this machine only.
type control struct{ d *Directory }

func newControl(d *Directory) http.Handler {
	c := control{d}
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) (any, error){
		"GET " + controlPrefix + "requests":              c.requests,
		"GET " + controlPrefix + "faults":                c.faults,
		"PUT " + controlPrefix + "faults":                c.setFaults,
		"PUT " + controlPrefix + "devices/{id}":          c.put,
		"PATCH " + controlPrefix + "devices/{id}":        c.patch,
		"DELETE " + controlPrefix + "devices/{id}":       c.remove,
		"POST " + controlPrefix + "devices/{id}/restore": c.restore,
		"POST " + controlPrefix + "generate":             c.generate,
		"POST " + controlPrefix + "change":               c.change,
		"POST " + controlPrefix + "delta/expire":         c.expire,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := handle(w, r)
			if err != nil {
				wire.Control(w, nil, controlError(err))
				return
			}
			wire.Control(w, body, nil)
		})
	}
	if d.opts.OpenControl {
		return wire.OwnPagesOnly(mux)
	}
	return wire.LocalOnly(wire.OwnPagesOnly(mux))
}

func controlError(err error) *wire.Fail {
	f, isFail := errors.AsType[*wire.Fail](err)
	switch {
	case isFail:
		return f
	case errors.Is(err, ErrUnknownDevice):
		f = wire.BadRequest("%v", err)
		f.Status, f.Code = http.StatusNotFound, "itemNotFound"
	case errors.Is(err, ErrNotDeleted), errors.Is(err, ErrNotRestorable):
		f = wire.BadRequest("%v", err)
		f.Status, f.Code = http.StatusConflict, "conflict"
	default:
		f = wire.BadRequest("%v", err)
	}
	return f
}

func (c control) body(w http.ResponseWriter, r *http.Request, v any) error {
	return wire.ControlBody(w, r, c.d.opts.MaxBody, v)
}

func (c control) requests(http.ResponseWriter, *http.Request) (any, error) {
	return c.d.Requests(), nil
}

func (c control) faults(http.ResponseWriter, *http.Request) (any, error) {
	return newFaultsJSON(c.d.dice.current()), nil
}

func (c control) setFaults(w http.ResponseWriter, r *http.Request) (any, error) {
	var body faultsJSON
	if err := c.body(w, r, &body); err != nil {
		return nil, err
	}
	return nil, c.d.SetFaults(body.faults())
}

func (c control) put(w http.ResponseWriter, r *http.Request) (any, error) {
	var e Entry
	if err := c.body(w, r, &e); err != nil {
		return nil, err
	}
	if id, ok := e.Device["id"]; ok && id != r.PathValue("id") {
		return nil, errors.New("the property 'id' is not the id of the path")
	}
	if e.Device == nil {
		return nil, errors.New("the member 'device' is missing")
	}
	e.Device["id"] = r.PathValue("id")
	_, err := c.d.Put(e)
	return nil, err
}

func (c control) patch(w http.ResponseWriter, r *http.Request) (any, error) {
	var members Device
	if err := c.body(w, r, &members); err != nil {
		return nil, err
	}
	return nil, c.d.Patch(r.PathValue("id"), members)
}

func (c control) remove(_ http.ResponseWriter, r *http.Request) (any, error) {
	switch permanent := r.URL.Query().Get("permanent"); permanent {
	case "", "true", "false":
		return nil, c.d.Delete(r.PathValue("id"), permanent == "true")
	}
	return nil, errors.New("the query option 'permanent' must be true or false")
}

// nothing reads the body of a call that has nothing to say: none, or {}.
func (c control) nothing(w http.ResponseWriter, r *http.Request) error {
	var body struct{}
	return c.body(w, r, &body)
}

func (c control) restore(w http.ResponseWriter, r *http.Request) (any, error) {
	if err := c.nothing(w, r); err != nil {
		return nil, err
	}
	return nil, c.d.Restore(r.PathValue("id"))
}

func (c control) generate(w http.ResponseWriter, r *http.Request) (any, error) {
	return c.several(w, r, c.d.Generate)
}

func (c control) change(w http.ResponseWriter, r *http.Request) (any, error) {
	return c.several(w, r, c.d.Change)
}

// several reads {"count"} and answers the ids of what f did.
func (c control) several(w http.ResponseWriter, r *http.Request, f func(n int) ([]string, error)) (any, error) {
	var body struct {
		Count int `json:"count"`
	}
	if err := c.body(w, r, &body); err != nil {
		return nil, err
	}
	if body.Count < 1 || body.Count > maxMade {
		return nil, wire.BadRequest("The member 'count' must be a number from 1 to %d.", maxMade)
	}
	ids, err := f(body.Count)
	return map[string]any{"ids": ids}, err
}

func (c control) expire(w http.ResponseWriter, r *http.Request) (any, error) {
	if err := c.nothing(w, r); err != nil {
		return nil, err
	}
	c.d.ExpireDeltaTokens()
	return nil, nil //nolint:nilnil // neither a body nor an error: 204
}
