package main

import (
	"context"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/bridge/crash"
	"devicebridge/events"
)

// parts are what runs side by side in a bridge.
type parts struct {
	bus       *bus.Bus
	endpoints []bus.Endpoint
	streams   bus.StreamOptions
	// standing tells what this replica says of itself.
	standing func() events.Standing
	operator *operator
	// bridge and work are there with commands.
	bridge *bridge.Bridge
	work   []bus.Work
	runs   []func(context.Context) error
	// idle close the connections to Graph and the authority that nobody uses.
	idle []func()
}

// run adds a part. It runs until its context ends.
func (p *parts) run(part func(context.Context) error) { p.runs = append(p.runs, part) }

// answer adds micro endpoints.
func (p *parts) answer(list []bridge.Endpoint) error {
	endpoints, err := endpointsOf(list, p.operator.tracer)
	p.endpoints = append(p.endpoints, endpoints...)
	return err
}

// runAll runs the parts until ctx ends or one of them fails, and waits for all of
// them: once that has come, for as long as the budget of the stop has for it.
func (p *parts) runAll(ctx context.Context, stop *budget, log *slog.Logger, ready func()) error {
	for _, closeIdle := range p.idle {
		defer closeIdle()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return p.bus.Serve(ctx, bus.ServiceOptions{Version: serviceVersion(), Standing: p.standing, Ready: ready}, p.endpoints)
	})
	group.Go(func() error {
		return p.bus.Watch(ctx, bus.WatchOptions{Streams: p.streams, Observe: func(t bus.Trouble, stands bool) {
			p.operator.metrics.nats.observeTrouble(t, stands)
			p.operator.health.observe(t, p.bus.Detail(t), stands)
		}})
	})
	for _, w := range p.work {
		group.Go(func() error { return p.bus.Consume(ctx, w) })
	}
	for _, part := range p.runs {
		group.Go(func() error { return part(ctx) })
	}
	finished := make(chan error, 1)
	go func() { finished <- group.Wait() }()
	select {
	case err := <-finished:
		return err
	case <-ctx.Done():
	}
	p.operator.health.drain()
	crash.At(crash.StopBegun)
	log.Info("stopping: what is under way is finished first; a second signal ends it at once", "at_most", stop.most.String())
	finishing, cancel := stop.toFinish(ctx)
	defer cancel()
	select {
	case err := <-finished:
		crash.At(crash.StopWorked)
		return err
	case <-finishing.Done():
		return fmt.Errorf("what was under way did not finish within BRIDGE_DRAIN_TIMEOUT (%s, of which %s are kept for NATS); claims left behind become outcomeUnknown",
			stop.most, drainShare(stop.most))
	}
}
