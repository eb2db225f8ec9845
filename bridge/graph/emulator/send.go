package emulator

import (
	"net/http"
	"time"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// send is POST me/devices/{id}/commands.
func (e *Emulator) send(x *wire.Exchange, deviceID string) {
	body, bodyErr := wire.ReadBody(x.W, x.R, e.opts.MaxBody)
	en := e.receive(x, deviceID, body)
	c, p, err := e.accept(x, en, body, bodyErr)
	o := e.reply(x, c, p, err)
	// The ledger first: who has read the answer finds it there.
	answered := e.answer(en, o.Status)
	if o.Status != 0 {
		x.Write(o)
	}
	e.opts.OnEvent(answered)
	if c != nil {
		c.release()
	}
	if o.Status == 0 {
		panic(http.ErrAbortHandler)
	}
}

// receive notes a POST before anything is decided about it.
func (e *Emulator) receive(x *wire.Exchange, deviceID string, body []byte) *entry {
	e.mu.Lock()
	en := e.store.add(Received{
		At: x.At, DeviceID: deviceID, Body: body, RequestID: x.RequestID, ClientRequestID: x.ClientRequestID,
	})
	e.mu.Unlock()
	e.opts.OnEvent(Event{Kind: EventPostReceived, Seq: en.rec.Seq, DeviceID: deviceID})
	return en
}

// admit makes the checks that come before every operation.
func (e *Emulator) admit(r *http.Request, op Operation) error {
	if err := authorise(r.Header, e.opts.Authorize, op.permissions()); err != nil {
		return err
	}
	return wire.CheckHeaders(r.Header, "application/json")
}

// accept decides about a POST. It can give both a command and an error: taken, and answered with a fault.
func (e *Emulator) accept(x *wire.Exchange, en *entry, body []byte, bodyErr error) (*command, plan, error) {
	if err := e.admit(x.R, OpSend); err != nil {
		return nil, plan{}, err
	}
	p := e.dice.roll(OpSend)
	e.note(en, func(rec *Received) { rec.Fault = p.Kind })
	refusal := p.refusal(x.R)
	if refusal != nil && !p.Taken {
		return nil, p, refusal
	}
	if _, err := checkQuery(x.R.URL.RawQuery, OpSend); err != nil {
		return nil, p, err
	}
	if bodyErr != nil {
		return nil, p, bodyErr
	}
	req, err := parseRequest(body, e.opts.AllowPlainPostback)
	if err != nil {
		return nil, p, err
	}
	c, err := e.take(en, req, p.postbacks)
	if err != nil {
		return nil, p, err
	}
	return c, p, refusal
}

// take makes the command and starts its script, which waits until the command is released.
func (e *Emulator) take(en *entry, req request, p postbackPlan) (*command, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.device(en.rec.DeviceID)
	switch {
	case d == nil:
		return nil, notFound("The device '%s' could not be found.", en.rec.DeviceID)
	case e.draining:
		return nil, wire.Unavailable(time.Second)
	}
	c := newCommand(e.ctx, en.rec.Seq, d, req, p)
	e.store.take(en, c)
	e.wg.Go(func() { e.run(c) })
	return c, nil
}

// reply answers a POST as its plan says. No outcome means that the answer is to be lost.
func (e *Emulator) reply(x *wire.Exchange, c *command, p plan, err error) wire.Outcome {
	if c != nil && p.postbacks.beforeAnswer && c.req.postBackURI != nil && len(c.script) > 0 {
		c.release()
		select {
		case <-c.settled:
		case <-c.ctx.Done():
		case <-x.R.Context().Done():
		}
	}
	e.pause(x.R, p.Delay)
	switch {
	case err != nil:
		return x.Refusal(err)
	case p.Kind == FaultAnswerLost:
		return wire.Outcome{}
	}
	o := x.Success(http.StatusCreated, e.opts.Profile.created(c.created()))
	if p.Kind == FaultGarbled {
		o.Body = o.Body[:len(o.Body)/2]
	}
	return o
}

// pause waits, but no longer than the client does, or than until Close.
func (e *Emulator) pause(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-e.ctx.Done():
	}
}

func (e *Emulator) note(en *entry, f func(*Received)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(&en.rec)
}

// answer notes in the ledger what a POST is answered with, and gives the event of it.
func (e *Emulator) answer(en *entry, status int) Event {
	ev := Event{Kind: EventPostAnswered, HTTPStatus: status}
	e.note(en, func(rec *Received) {
		rec.Answered, rec.HTTPStatus = true, status
		ev.Seq, ev.DeviceID, ev.CommandID = rec.Seq, rec.DeviceID, rec.CommandID
	})
	return ev
}
