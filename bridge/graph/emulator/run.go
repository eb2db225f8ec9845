package emulator

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// run takes a command through its script. It begins when the POST has been answered.
func (e *Emulator) run(c *command) {
	select {
	case <-c.released:
	case <-c.ctx.Done():
		return
	}
	for i, s := range c.script {
		if !sleep(c.ctx, e.delay(s)) {
			return
		}
		e.mu.Lock()
		announce := e.advance(c, s, i+1 < len(c.script))
		e.mu.Unlock()
		announce()
	}
	e.opts.OnEvent(Event{Kind: EventScriptDone, Seq: c.seq, DeviceID: c.deviceID, CommandID: c.id})
}

func (e *Emulator) delay(s Step) time.Duration {
	if s.After != 0 {
		return s.After
	}
	return e.opts.StepDelay
}

// Drive moves a command to a status by hand, at once, and posts it back like a step of a script. It neither stops a
// script that is still running nor waits for the postback. The step's After must be zero.
func (e *Emulator) Drive(commandID string, s Step) error {
	if err := s.validate("step"); err != nil {
		return err
	}
	if s.After != 0 {
		return errors.New("step.After: must be zero, a command is driven at once")
	}
	announce, err := e.drive(commandID, s)
	if err != nil {
		return fmt.Errorf("command %q: %w", commandID, err)
	}
	announce()
	return nil
}

func (e *Emulator) drive(commandID string, s Step) (announce func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.store.commands[commandID]
	switch {
	case e.draining:
		return nil, ErrClosed
	case !ok:
		return nil, ErrUnknownCommand
	case len(c.outbox) >= maxSteps:
		return nil, ErrBusy
	}
	return e.advance(c, s, false), nil
}

// advance moves a command and queues the postback; more says that another step is sure to follow. The caller holds
// the lock, and calls announce without it: the postback waits for that, so that its event comes after the status's.
func (e *Emulator) advance(c *command, s Step, more bool) (announce func()) {
	c.move(s, time.Now())
	events := []Event{{Kind: EventStatus, Seq: c.seq, DeviceID: c.deviceID, CommandID: c.id, Status: c.status}}
	announced := make(chan struct{})
	if c.req.postBackURI != nil && !e.queue(c, announced, more) {
		lost := events[0]
		lost.Kind = EventPostbackLost
		events = append(events, lost)
	}
	return func() {
		for _, ev := range events {
			e.opts.OnEvent(ev)
		}
		close(announced)
	}
}

// sleep waits for d; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
