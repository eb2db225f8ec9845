package directory

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/internal/wire"
)

// call is one authorised request.
type call struct {
	route
	r     *http.Request
	op    operation
	body  []byte
	fault Fault
}

// result is what a call came to: JSON, a plain text, or nothing with 204.
type result struct {
	status int
	body   any
	text   string
}

func ok(body any) result { return result{status: http.StatusOK, body: body} }

// serve answers a request whose path and method are known.
func (d *Directory) serve(x *wire.Exchange, rt route) {
	o := d.operations[rt.op]
	d.mu.Lock()
	d.requests[rt.op]++
	d.mu.Unlock()
	x.W.Header().Set("X-Ms-Resource-Unit", strconv.Itoa(o.unit))
	c := call{route: rt, r: x.R, op: o}
	if rt.count {
		c.op.options = d.operations[OpCount].options
	}
	res, err := d.answer(x, &c)
	pause(x.R.Context(), c.fault.Delay)
	switch {
	case err != nil:
		x.Write(x.Refusal(err))
	case c.fault.Kind == FaultAnswerLost:
		panic(http.ErrAbortHandler)
	case res.body != nil:
		x.Write(x.Success(res.status, res.body))
	default:
		x.Write(wire.Outcome{Status: res.status, Body: []byte(res.text), Plain: true})
	}
}

func (d *Directory) answer(x *wire.Exchange, c *call) (result, error) {
	if err := d.authorise(c); err != nil {
		return result{}, err
	}
	counted := c.count || c.route.op == OpCount
	if err := wire.CheckHeaders(c.r.Header, "application/json"); err != nil {
		if !counted || wire.CheckHeaders(c.r.Header, "text/plain") != nil {
			return result{}, err
		}
	}
	c.fault = d.dice.roll(c.route.op)
	if err := c.fault.refusal(c.op, c.key.String()); err != nil {
		return result{}, err
	}
	if m := c.op.method; m == http.MethodPost || m == http.MethodPatch {
		var err error
		if c.body, err = wire.ReadBody(x.W, c.r, d.opts.MaxBody); err != nil {
			return result{}, err
		}
	}
	return d.do(*c)
}

func (d *Directory) authorise(c *call) error {
	token, err := wire.Bearer(c.r.Header)
	if err != nil {
		return err
	}
	err = d.opts.Authorize(token, c.op.anyOf)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, emulator.ErrForbidden):
		return denied(err.Error())
	}
	return wire.Unauthorised("The access token was refused: "+err.Error()+".", "invalid_token")
}

func (d *Directory) do(c call) (result, error) {
	switch c.route.op {
	case OpList, OpCount:
		return d.list(c)
	case OpGet:
		return d.get(c)
	case OpCreate:
		return d.create(c)
	case OpUpdate:
		return d.update(c)
	case OpDelete:
		return d.remove(c)
	case OpDelta:
		return d.delta(c)
	case OpAddOwner, OpAddUser:
		return d.addReference(c)
	case OpRemoveOwner, OpRemoveUser:
		return d.removeReference(c)
	case OpCheckMemberObjects:
		return d.checkMemberObjects(c)
	case OpGetMemberObjects:
		return d.getMemberObjects(c)
	default:
		return d.related(c)
	}
}

// pause waits, but no longer than the client does.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
