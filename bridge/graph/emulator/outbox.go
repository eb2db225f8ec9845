package emulator

import "devicebridge/bridge/graph/emulator/internal/wire"

// postback is one status of a command, fixed at the moment it came about.
type postback struct {
	status    string
	body      []byte
	copies    int
	announced <-chan struct{}
}

// queue puts the command's present status into its outbox, and starts the delivery if none is under way. It gives
// false when a fault takes the postback. The caller holds the lock.
func (e *Emulator) queue(c *command, announced <-chan struct{}, more bool) bool {
	f := c.postbacks.roll()
	body, err := e.postbackBody(c)
	switch p := (postback{status: c.status, body: body, copies: f.copies, announced: announced}); {
	case f.lost || err != nil:
		c.settle()
	case f.reordered && more && len(c.held) == 0:
		c.held = append(c.held, p)
		return true
	default:
		c.outbox = append(c.outbox, p)
	}
	c.outbox = append(c.outbox, c.held...)
	c.held = nil
	if len(c.outbox) > 0 && !c.sending {
		c.sending = true
		e.wg.Go(func() { e.deliverAll(c) })
	}
	return !f.lost
}

// postbackBody is the command as a GET would give it. That a postback has this body is an assumption: Graph says only
// that it will "send subsequent notifications of updates" to the URI.
func (e *Emulator) postbackBody(c *command) ([]byte, error) {
	v := c.current()
	if e.opts.InlineResponse && c.status == StatusCompleted && c.response != nil {
		inline, err := wire.Encode(c.response)
		if err != nil {
			return nil, err
		}
		v.ResponsePayload = inline
	}
	return wire.Encode(e.opts.Profile.current(v))
}

// deliverAll empties the outbox, one postback after the other: within a command the order holds.
func (e *Emulator) deliverAll(c *command) {
	for {
		p, ok := e.next(c)
		if !ok {
			return
		}
		<-p.announced
		for range p.copies {
			e.deliver(c, p)
		}
		c.settle()
	}
}

func (e *Emulator) next(c *command) (postback, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(c.outbox) == 0 {
		c.sending = false
		return postback{}, false
	}
	p := c.outbox[0]
	c.outbox = c.outbox[1:]
	return p, true
}
