package directory

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// readMembers reads a body that is a JSON object, each member once.
func readMembers(body []byte) (map[string]any, error) {
	if strings.TrimSpace(string(body)) == "" {
		return nil, wire.BadRequest("Empty Payload. JSON content expected.")
	}
	members, err := wire.Members(body)
	switch {
	case errors.Is(err, wire.ErrNotObject):
		return nil, wire.BadRequest("The request body must be a JSON object.")
	case err != nil:
		return nil, wire.BadRequest("The request body must be well-formed JSON in UTF-8.")
	}
	if first, second, ok := wire.Repeated(members, strings.ToLower); ok {
		return nil, wire.BadRequest("The property '%s' repeats the property '%s'.", second, first)
	}
	return decode(body)
}

// create is POST devices.
func (d *Directory) create(c call) (result, error) {
	src := d.devices(c)
	if _, err := parseQuery(c.r.URL.RawQuery, src); err != nil {
		return result{}, err
	}
	members, err := readMembers(c.body)
	if err != nil {
		return result{}, err
	}
	if err := src.schema.checkCreate(members); err != nil {
		return result{}, err
	}
	now := time.Now().UTC().Format(time.RFC3339)
	members["createdDateTime"], members["registrationDateTime"] = now, now
	if _, ok := members["profileType"]; !ok {
		members["profileType"] = "RegisteredDevice" // the documented default
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.store.create(members, links{})
	if err != nil {
		return result{}, err
	}
	view := src.project(r.device, nil)
	view["@odata.context"] = metadata + "devices/$entity"
	return result{status: http.StatusCreated, body: view}, nil
}

// update is PATCH devices/{id}.
func (d *Directory) update(c call) (result, error) {
	src := d.devices(c)
	if _, err := parseQuery(c.r.URL.RawQuery, src); err != nil {
		return result{}, err
	}
	members, err := readMembers(c.body)
	if err != nil {
		return result{}, err
	}
	if err := src.schema.checkUpdate(members); err != nil {
		return result{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.store.living(c.key)
	if r == nil {
		return result{}, notFound(c.key.String())
	}
	return result{status: http.StatusNoContent}, d.store.replace(r, r.device.with(members))
}

// remove is DELETE devices/{id}.
func (d *Directory) remove(c call) (result, error) {
	if _, err := parseQuery(c.r.URL.RawQuery, d.devices(c)); err != nil {
		return result{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.store.living(c.key)
	if r == nil {
		return result{}, notFound(c.key.String())
	}
	d.store.remove(r, !d.opts.SoftDelete, time.Now())
	return result{status: http.StatusNoContent}, nil
}
