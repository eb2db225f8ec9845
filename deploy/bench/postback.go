package main

import (
	"context"
	"fmt"
	"time"

	"devicebridge/deploy/bench/load"
	"devicebridge/deploy/bench/report"
)

// postbacks measures one target's way with postbacks.
type postbacks struct {
	suite  *suite
	target *target
	good   int
	mint   minter
	// stored counts what is in the stream; nil where there is none. registered says
	// that each command is in it too.
	stored     func(context.Context) (int, error)
	registered bool

	minted, answered int
}

// perCommand is how many postbacks there are of a command.
func perCommand() float64 { return float64(len(load.Statuses())) }

const (
	// spare is by how much more commands are minted than the rate so far needs, since a
	// server gets faster for a while, and faster still when others leave the machine
	// alone.
	spare = 1.5
	// tries are how often the closed loop is measured anew when commands ran out.
	tries = 4
)

func (p *postbacks) measure(ctx context.Context) (sample, error) {
	got := sample{values: map[report.Measure]float64{ready: milliseconds(p.target.ready)}}
	if err := memory(p.target, got, memoryReady); err != nil {
		return got, err
	}
	speed, err := p.warmUp(ctx)
	if err != nil {
		return got, err
	}
	if speed, err = p.closed(ctx, &got, speed); err != nil {
		return got, err
	}
	o := p.suite.options
	if err := p.constant(ctx, &got, o.rate, fixedP50, fixedP99); err != nil {
		return got, err
	}
	if err := p.constant(ctx, &got, speed/2, halfP50, halfP99); err != nil {
		return got, err
	}
	if err := memory(p.target, got, memoryEnd); err != nil {
		return got, err
	}
	return got, p.check(ctx)
}

// warmUp posts for the warm-up time and gives the rate it came to. Commands are
// minted for some of it at a time, since nobody knows yet how many it takes.
func (p *postbacks) warmUp(ctx context.Context) (speed float64, err error) {
	count := 4 * p.suite.options.connections
	for left := p.suite.options.warm; left > 0; {
		r, err := p.post(ctx, count, func(l load.Postbacks, c []load.Command) (load.Result, error) { return l.Closed(ctx, c, left) })
		if err != nil {
			return 0, err
		}
		left -= r.Took
		speed = r.Rate()
		count = p.needed(speed, max(left, 50*time.Millisecond), spare)
	}
	return speed, nil
}

// closed measures the closed loop and gives the rate it came to. When commands run
// out it is measured anew with more of them, and a note says so.
func (p *postbacks) closed(ctx context.Context, got *sample, speed float64) (float64, error) {
	o := p.suite.options
	var r load.Result
	for range tries {
		commands, err := p.mintMore(ctx, p.needed(speed, o.measured, spare))
		if err != nil {
			return 0, err
		}
		err = p.suite.watched(ctx, p.target, *got, func(ctx context.Context) (int, error) {
			r, err = p.load().Closed(ctx, commands, o.measured)
			return r.Latencies.Count(), err
		})
		if err != nil {
			return 0, err
		}
		p.answered += r.Latencies.Count()
		speed = r.Rate()
		if !r.RanOut {
			got.values[rate], got.values[p50], got.values[p99] = speed, milliseconds(r.Latencies.Quantile(.5)), milliseconds(r.Latencies.Quantile(.99))
			return speed, nil
		}
		got.notes = append(got.notes, fmt.Sprintf("commands ran out after %s of the closed loop, which was measured anew", r.Took.Round(time.Millisecond)))
	}
	return 0, fmt.Errorf("commands ran out %d times", tries)
}

// constant posts at a constant rate. A server that does not keep up has latencies
// that grow for as long as it is measured: a note says so.
func (p *postbacks) constant(ctx context.Context, got *sample, perSecond float64, to50, to99 report.Measure) error {
	d := p.suite.options.measured
	r, err := p.post(ctx, p.needed(perSecond, d, 1), func(l load.Postbacks, c []load.Command) (load.Result, error) {
		return l.Constant(ctx, c, perSecond, d)
	})
	if err != nil {
		return err
	}
	if r.Behind > d/20 {
		got.notes = append(got.notes, fmt.Sprintf("does not keep %.0f/s: the last request was sent %s late", perSecond, r.Behind.Round(time.Millisecond)))
	}
	got.values[to50], got.values[to99] = milliseconds(r.Latencies.Quantile(.5)), milliseconds(r.Latencies.Quantile(.99))
	return nil
}

// needed is how many commands a rate takes; each connection may hold one that it
// does not finish.
func (p *postbacks) needed(perSecond float64, d time.Duration, factor float64) int {
	return int(perSecond*d.Seconds()*factor/perCommand()) + p.suite.options.connections + 1
}

func (p *postbacks) load() load.Postbacks {
	return load.Postbacks{Address: p.target.http, Connections: p.suite.options.connections, Good: p.good}
}

func (p *postbacks) mintMore(ctx context.Context, count int) ([]load.Command, error) {
	p.minted += count
	return p.mint(ctx, count)
}

func (p *postbacks) post(ctx context.Context, count int, run func(load.Postbacks, []load.Command) (load.Result, error)) (load.Result, error) {
	commands, err := p.mintMore(ctx, count)
	if err != nil {
		return load.Result{}, err
	}
	r, err := run(p.load(), commands)
	p.answered += r.Latencies.Count()
	return r, err
}
