package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/bridge/crash"
	"devicebridge/bridge/graph"
	"devicebridge/webhook"
)

// parts are what runs side by side in a bridge.
type parts struct {
	bus       *bus.Bus
	bridge    *bridge.Bridge
	webhook   *webhook.Server
	graph     *graph.Client
	endpoints []bus.Endpoint
	work      []bus.Work
	streams   bus.StreamOptions
	sweep     time.Duration
	operator  *operator
}

// run runs the parts until ctx ends or one of them fails, and waits for all of
// them, at most for budget once ctx has ended.
func (p *parts) run(ctx context.Context, listener net.Listener, budget time.Duration, log *slog.Logger, ready func()) error {
	defer p.graph.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.webhook.Serve(ctx, listener) })
	group.Go(func() error {
		return p.bus.Serve(ctx, bus.ServiceOptions{Version: serviceVersion(), Ready: ready}, p.endpoints)
	})
	group.Go(func() error {
		return p.bus.Watch(ctx, bus.WatchOptions{Streams: p.streams, Observe: func(t bus.Trouble, stands bool) {
			p.operator.metrics.observeTrouble(t, stands)
			p.operator.health.observe(t, stands)
		}})
	})
	for _, w := range p.work {
		group.Go(func() error { return p.bus.Consume(ctx, w) })
	}
	group.Go(func() error {
		p.bridge.SweepEvery(ctx, p.sweep)
		return nil
	})
	group.Go(func() error {
		p.bridge.FollowThrottle(ctx)
		return nil
	})
	finished := make(chan error, 1)
	go func() { finished <- group.Wait() }()
	select {
	case err := <-finished:
		return err
	case <-ctx.Done():
	}
	p.operator.health.drain()
	crash.At(crash.StopBegun)
	log.Info("stopping: what is under way is finished first; a second signal ends it at once", "at_most", budget.String())
	timer := time.NewTimer(budget)
	defer timer.Stop()
	select {
	case err := <-finished:
		crash.At(crash.StopWorked)
		return err
	case <-timer.C:
		return fmt.Errorf("what was under way did not finish within BRIDGE_DRAIN_TIMEOUT (%s); claims left behind become outcomeUnknown", budget)
	}
}
