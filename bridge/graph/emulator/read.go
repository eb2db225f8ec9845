package emulator

import (
	"net/http"
	"net/url"

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
	q, err := checkQuery(r.URL.RawQuery, rt.op)
	if err != nil {
		return nil, err
	}
	return e.find(r, rt, q)
}

// find gives the body of a GET operation. What it returns is not changed by anybody afterwards.
func (e *Emulator) find(r *http.Request, rt route, q url.Values) (any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if rt.op == OpDevices {
		return e.list(r, q)
	}
	d := e.device(rt.device)
	if d == nil {
		return nil, notFound("The device '%s' could not be found.", rt.device)
	}
	if rt.op == OpDevice {
		// Graph's pages give a v1.0 context for these beta calls.
		return e.opts.Profile.device(&d.Device, "https://graph.microsoft.com/v1.0/$metadata#devices/$entity"), nil
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

// list gives one page of devices.
func (e *Emulator) list(r *http.Request, q url.Values) (any, error) {
	p, err := parsePage(q, e.opts.PageSize)
	if err != nil {
		return nil, err
	}
	body := struct {
		Context  string `json:"@odata.context"`
		NextLink string `json:"@odata.nextLink,omitempty"`
		Value    []any  `json:"value"`
	}{
		Context: "https://graph.microsoft.com/v1.0/$metadata#devices",
		Value:   []any{},
	}
	rest := e.devices[min(p.offset, len(e.devices)):]
	for _, d := range rest[:min(p.size, len(rest))] {
		body.Value = append(body.Value, e.opts.Profile.device(&d.Device, ""))
	}
	if p.size < len(rest) {
		body.NextLink = p.nextLink(wire.OriginalURL(r), p.offset+p.size)
	}
	return body, nil
}
