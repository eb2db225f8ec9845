package emulator

import (
	"net/http"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// read answers the four GET operations.
func (e *Emulator) read(x *wire.Exchange, rt route) {
	body, err := e.lookUp(x.R, rt)
	if err != nil {
		x.Write(x.Refusal(err))
		return
	}
	x.Write(x.Success(http.StatusOK, body))
}

func (e *Emulator) lookUp(r *http.Request, rt route) (any, error) {
	if err := e.admit(r, rt.op); err != nil {
		return nil, err
	}
	p := e.dice.roll(rt.op)
	e.pause(r, p.Delay)
	if err := p.refusal(r); err != nil {
		return nil, err
	}
	options, err := checkQuery(r.URL.RawQuery, rt.op)
	if err != nil {
		return nil, err
	}
	q, err := e.opts.Profile.parseQuery(options, e.opts.PageSize)
	if err != nil {
		return nil, err
	}
	return e.find(r, rt, q)
}

// find gives the body of a GET operation. What it returns is not changed by anybody afterwards.
func (e *Emulator) find(r *http.Request, rt route, q query) (any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if rt.op == OpDevices {
		return e.list(r, q), nil
	}
	d := e.device(rt.device)
	if d == nil {
		return nil, notFound("The device '%s' could not be found.", rt.device)
	}
	if rt.op == OpDevice {
		return e.opts.Profile.view(&d.Device, q.selected, deviceContext(q.selected)+"/$entity"), nil
	}
	c, ok := e.store.commands[rt.command]
	if !ok || c.deviceID != d.ID {
		return nil, notFound("The command '%s' of this device could not be found.", rt.command)
	}
	if rt.op == OpStatus {
		return e.opts.Profile.current(c.current()), nil
	}
	switch {
	case !c.req.appService:
		return nil, notFound("A LaunchUri command has no response payload.")
	case c.response == nil:
		return nil, notFound("The response payload of the command is not there; the command's status is '%s'.", c.status)
	}
	return responseView(c.response), nil
}

// list gives one page of the devices that the query asks for.
func (e *Emulator) list(r *http.Request, q query) any {
	body := struct {
		Context  string `json:"@odata.context"`
		NextLink string `json:"@odata.nextLink,omitempty"`
		Value    []any  `json:"value"`
	}{
		Context: deviceContext(q.selected),
		Value:   []any{},
	}
	var found []*device
	for _, d := range e.devices {
		if q.filter.match(e.opts.Profile, &d.Device) {
			found = append(found, d)
		}
	}
	rest := found[min(q.offset, len(found)):]
	for _, d := range rest[:min(q.size, len(rest))] {
		body.Value = append(body.Value, e.opts.Profile.view(&d.Device, q.selected, ""))
	}
	if q.size < len(rest) {
		body.NextLink = q.nextLink(wire.OriginalURL(r), q.offset+q.size)
	}
	return body
}
