package policy

import (
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxTurns bounds how many turns, and how many devices, are remembered. Who is
// forgotten waits anew.
const maxTurns = 16384

// pacer spreads the sends of one process over time: all of them, and those to
// each device. It holds nothing that would be lost with it: a command that waits
// does so in the stream, under its timer.
type pacer struct {
	all, each time.Duration
	mu        sync.Mutex
	total     *queue // nil: no rate
	devices   map[string]*queue
	turns     map[string]turn
}

// turn is a place in a queue: the command may be sent from at on.
type turn struct {
	in *queue
	at time.Time
}

// newPacer takes the time between two sends, and between two to one device; 0: any.
func newPacer(all, each time.Duration) *pacer {
	p := &pacer{all: all, each: each, devices: map[string]*queue{}, turns: map[string]turn{}}
	if all > 0 {
		p.total = newQueue(all)
	}
	return p
}

// turn does what Policy.Turn says. The device's queue comes first, so that many
// commands for one device do not stand before those for others.
func (p *pacer) turn(command, device string, now, until time.Time) time.Duration {
	if p.all == 0 && p.each == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.turns[command]
	if held.at.After(now) {
		return held.at.Sub(now)
	}
	delete(p.turns, command)
	var taken []*rate.Reservation
	for _, q := range []*queue{p.device(device, now), p.total} {
		if q == nil {
			continue
		}
		place, wait := q.take(now, held.in == q)
		if wait == 0 {
			taken = append(taken, place)
			continue
		}
		for _, place := range taken {
			place.CancelAt(now)
		}
		at := now.Add(wait)
		if held.in != q || now.Sub(held.at) > lateness {
			at = later(q.next, at) // else those before it were late: it stays in front
		}
		return p.enqueue(command, q, now, at, until)
	}
	return 0
}

// delay does what Policy.Delay says.
func (p *pacer) delay(device string, now time.Time) time.Duration {
	if p.all == 0 && p.each == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var wait time.Duration
	for _, q := range []*queue{p.devices[device], p.total} {
		if q != nil {
			wait = max(wait, q.delay(now))
		}
	}
	return wait
}

// enqueue gives a command its turn and how long that is away.
func (p *pacer) enqueue(command string, q *queue, now, at, until time.Time) time.Duration {
	if at.After(until) {
		return at.Sub(now) // it ends before
	}
	q.next = later(q.next, at.Add(q.interval))
	if len(p.turns) >= maxTurns { // some of the commands went another way
		maps.DeleteFunc(p.turns, func(_ string, t turn) bool { return now.Sub(t.at) > time.Minute })
	}
	if len(p.turns) < maxTurns {
		p.turns[command] = turn{q, at}
	}
	return at.Sub(now)
}

// device gives the queue of a device.
func (p *pacer) device(id string, now time.Time) *queue {
	if p.each == 0 {
		return nil
	}
	if q := p.devices[id]; q != nil {
		return q
	}
	if len(p.devices) >= maxTurns {
		maps.DeleteFunc(p.devices, func(_ string, q *queue) bool { return q.idle(now) })
	}
	if len(p.devices) >= maxTurns {
		clear(p.devices)
	}
	q := newQueue(p.each)
	p.devices[id] = q
	return q
}
