package policy

import (
	"sync/atomic"
	"time"

	"devicebridge/events"
)

// Live is the policy in force, which may be replaced while it is asked. A request
// is judged by one policy, never by parts of two.
type Live struct{ inForce atomic.Pointer[Policy] }

// NewLive puts a policy in force.
func NewLive(p *Policy) *Live {
	l := &Live{}
	l.inForce.Store(p)
	return l
}

// Replace puts p in force. Commands keep their turns unless a rate is another.
func (l *Live) Replace(p *Policy) {
	if before := l.inForce.Load().pacer; before.all == p.pacer.all && before.each == p.pacer.each {
		same := *p
		same.pacer = before
		p = &same
	}
	l.inForce.Store(p)
}

// Admit is Policy.Admit of the policy in force.
func (l *Live) Admit(r events.Request) (events.Request, *events.Error) {
	return l.inForce.Load().Admit(r)
}

// Delay is Policy.Delay of the policy in force.
func (l *Live) Delay(device string, now time.Time) time.Duration {
	return l.inForce.Load().Delay(device, now)
}

// Turn is Policy.Turn of the policy in force.
func (l *Live) Turn(command, device string, now, until time.Time) time.Duration {
	return l.inForce.Load().Turn(command, device, now, until)
}
