package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/bridge/command"
	"devicebridge/bridge/graph"
	"devicebridge/events"
	"devicebridge/schemas"
	"devicebridge/webhook"
)

// started is what a running bridge tells about itself.
type started struct {
	// NATS is the address clients connect to; Embedded says that the server is
	// inside.
	NATS     string
	Embedded bool
	// Listen is where postbacks arrive, Callbacks the base of the URLs given to
	// Graph.
	Listen    string
	Callbacks string
	Took      time.Duration
}

// runBridge runs a bridge until ctx ends, then stops it in order: no new work,
// what is under way is finished, NATS is drained, the embedded server stops.
// ready is called once when everything runs. listener may be nil: then
// ListenAddr is listened on.
func runBridge(ctx context.Context, c config, listener net.Listener, log *slog.Logger, ready func(started)) (err error) {
	begin := time.Now()
	keys, err := callbackKeys(c)
	if err != nil {
		return err
	}
	if listener == nil {
		if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", c.ListenAddr); err != nil {
			return usageError{fmt.Errorf("BRIDGE_LISTEN_ADDR: %w", err)}
		}
	}
	defer func() { _ = listener.Close() }() // closed by Serve already, if it came to that

	server, err := embeddedServer(c, log)
	if err != nil {
		return err
	}
	if server != nil {
		defer server.Stop()
	}
	b, err := bus.Connect(ctx, busOptions(c.clientConfig, server, log))
	if err != nil {
		return err
	}
	defer func() {
		// The budget for what was under way is spent by the group; what is left is
		// the drain of the connection.
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, b.Close(drain))
	}()
	if err := b.Ensure(ctx, streamOptions(c, server)); err != nil {
		return err
	}
	parts, err := compose(c, b, keys, log)
	if err != nil {
		return err
	}
	return parts.run(ctx, listener, c.DrainTimeout, log, func() {
		ready(started{
			NATS: natsAddress(server, b), Embedded: server != nil,
			Listen: listener.Addr().String(), Callbacks: strings.TrimSuffix(c.PublicURL, "/") + "/postback/",
			Took: time.Since(begin),
		})
	})
}

// parts are what runs side by side in a bridge.
type parts struct {
	bus       *bus.Bus
	bridge    *bridge.Bridge
	webhook   *webhook.Server
	graph     *graph.Client
	endpoints []bus.Endpoint
	work      []bus.Work
	sweep     time.Duration
}

func compose(c config, b *bus.Bus, keys *webhook.Keyring, log *slog.Logger) (*parts, error) {
	credential, err := graph.StaticToken(c.GraphToken)
	if err != nil {
		return nil, usageError{fmt.Errorf("BRIDGE_GRAPH_TOKEN: %w", err)}
	}
	client, err := graph.New(graph.Options{
		BaseURL: c.GraphURL, Credential: credential, PostTimeout: c.PostTimeout, Log: log,
		UserAgent: "devicebridge/" + version(),
	})
	if err != nil {
		return nil, usageError{fmt.Errorf("BRIDGE_GRAPH_URL: %w", err)}
	}
	callbacks, err := webhook.NewCallbacks(c.PublicURL, keys)
	if err != nil {
		return nil, usageError{fmt.Errorf("BRIDGE_PUBLIC_URL: %w", err)}
	}
	lease := c.PostTimeout + 30*time.Second
	br, err := bridge.New(bridge.Options{
		Subjects: c.subjects, Stream: b, Shelf: b, Watcher: b, Timers: b,
		Sender: client, Observer: client, Directory: client, Callbacks: callbacks,
		MaxMessage: b.MaxPayload(), MaxAge: c.StreamMaxAge,
		ExpiresDefault: c.ExpiresDefault, ExpiresMax: c.ExpiresMax,
		Timing: command.Timing{PollFirst: c.PollFirst, PollMax: c.PollMax, Grace: payloadGrace},
		Lease:  lease, Log: log,
	})
	if err != nil {
		return nil, err
	}
	hook, err := webhook.New(webhook.Options{
		Keys: keys, Sink: br, PathPrefix: callbacks.PathPrefix(), DrainTimeout: c.DrainTimeout, Log: log,
	})
	if err != nil {
		return nil, err
	}
	endpoints, err := endpointsOf(br)
	if err != nil {
		return nil, err
	}
	return &parts{
		bus: b, bridge: br, webhook: hook, graph: client, endpoints: endpoints, sweep: c.SweepEvery,
		work: []bus.Work{
			b.DispatchWork(lease, c.Workers, dispatcher(br, log)),
			b.TimerWork(lease, c.Workers, looker(br, c.subjects)),
			b.IntakeWork(c.Workers, taker(br)),
		},
	}, nil
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
	for _, w := range p.work {
		group.Go(func() error { return p.bus.Consume(ctx, w) })
	}
	group.Go(func() error {
		p.bridge.SweepEvery(ctx, p.sweep)
		return nil
	})
	finished := make(chan error, 1)
	go func() { finished <- group.Wait() }()
	select {
	case err := <-finished:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping: what is under way is finished first; a second signal ends it at once", "at_most", budget.String())
	timer := time.NewTimer(budget)
	defer timer.Stop()
	select {
	case err := <-finished:
		return err
	case <-timer.C:
		return fmt.Errorf("what was under way did not finish within BRIDGE_DRAIN_TIMEOUT (%s); claims left behind become outcomeUnknown", budget)
	}
}

// endpointsOf gives the micro endpoints with their schemas.
func endpointsOf(br *bridge.Bridge) ([]bus.Endpoint, error) {
	var list []bus.Endpoint
	for _, e := range br.Endpoints() {
		request, err := schemas.Text(e.Request)
		if err != nil {
			return nil, err
		}
		reply, err := schemas.Text(e.Reply)
		if err != nil {
			return nil, err
		}
		list = append(list, bus.Endpoint{
			Name: e.Name, Description: e.Description, RequestSchema: request, ReplySchema: reply,
			Handle: func(ctx context.Context, call bus.Call) (any, error) { return e.Handle(ctx, call.Header, call.Data) },
		})
	}
	return list, nil
}

func dispatcher(br *bridge.Bridge, log *slog.Logger) bus.Handler {
	return func(ctx context.Context, d bus.Delivery) bus.Disposition {
		stored, err := d.Stored()
		if err != nil {
			log.Error("an event that cannot be read is left alone", "sequence", d.Sequence, "error", err)
			return bus.Done()
		}
		return disposition(br.Dispatch(ctx, stored, bridge.Delivery{Count: d.Delivered, Alive: d.InProgress}))
	}
}

func looker(br *bridge.Bridge, subjects events.Subjects) bus.Handler {
	return func(ctx context.Context, d bus.Delivery) bus.Disposition {
		id, ok := subjects.ParseTimer(d.Subject)
		if !ok {
			return bus.Done() // not a timer of ours
		}
		return disposition(br.Look(ctx, id, bridge.Delivery{Count: d.Delivered, Alive: d.InProgress}))
	}
}

func taker(br *bridge.Bridge) bus.Handler {
	return func(ctx context.Context, d bus.Delivery) bus.Disposition {
		return disposition(br.Take(ctx, bridge.QueuedRequest{
			Header: d.Header, Data: d.Data, StreamCreated: d.StreamCreated, Sequence: d.Sequence,
		}))
	}
}

func disposition(again time.Duration) bus.Disposition {
	if again > 0 {
		return bus.Again(again)
	}
	return bus.Done()
}
