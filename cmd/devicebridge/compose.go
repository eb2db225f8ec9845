package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/bridge/command"
	"devicebridge/bridge/graph"
	"devicebridge/bridge/graph/signin"
	"devicebridge/bridge/redact"
	"devicebridge/events"
	"devicebridge/webhook"
)

// composer puts the parts of a bridge together.
type composer struct {
	c         config
	bus       *bus.Bus
	operator  *operator
	log       *slog.Logger
	transport http.RoundTripper
	signIn    *signin.SignIn
	// secrets keeps the bearer tokens, for every door through which they may come back.
	secrets *redact.Keeper
	// sendable is told when something may be sent that could not be before.
	sendable chan struct{}
	// keys are the callback keys; nil without commands.
	keys  *webhook.Keyring
	parts *parts
}

// compose gives the parts that the configuration asks for. With commands, postbacks
// arrive on listener.
func compose(c config, b *bus.Bus, keys *webhook.Keyring, listener net.Listener, o *operator, log *slog.Logger) (*parts, error) {
	transport, err := newTransport(c.Azure, 2*c.Workers) // as many POSTs as timers that ask Graph
	if err != nil {
		return nil, err
	}
	m := &composer{
		c: c, bus: b, operator: o, log: log, transport: transport, secrets: new(redact.Keeper), sendable: make(chan struct{}, 1),
		parts: &parts{bus: b, operator: o, idle: []func(){transport.CloseIdleConnections}},
	}
	m.parts.standing = m.standing
	if m.signIn, err = newSignIn(c, b, transport, log, m.signedIn); err != nil {
		return nil, err
	}
	o.metrics.watchSignIn(m.signIn.Status)
	m.parts.run(m.signIn.Run)
	m.parts.run(done(releasing))
	if err := m.parts.answer(signInEndpoints(m.signIn, m.waits)); err != nil {
		return nil, err
	}
	if c.sends() {
		if err := m.commands(keys, listener); err != nil {
			return nil, err
		}
	}
	if c.directs() {
		if err := m.directory(); err != nil {
			return nil, err
		}
	}
	return m.parts, nil
}

// signedIn is told when the sign-in stands differently.
func (m *composer) signedIn(s signin.Status) {
	m.operator.observeSignIn(s)
	if s.State == signin.Usable {
		m.hurry()
	}
}

// circuit is told when Graph is left alone, and when it answers again.
func (m *composer) circuit(s graph.CircuitState) {
	m.operator.observeCircuit(s)
	if !s.Open {
		m.hurry()
	}
}

func (m *composer) hurry() {
	select {
	case m.sendable <- struct{}{}:
	default: // one is on its way
	}
}

// commands adds what device commands take: the Graph client, the policy, the
// endpoints, the consumers and the webhook.
func (m *composer) commands(keys *webhook.Keyring, listener net.Listener) error {
	c := m.c
	client, err := graph.New(graph.Options{
		BaseURL: c.GraphURL, Credential: m.signIn, Scopes: c.scopes(), Transport: m.transport, PostTimeout: c.PostTimeout, Log: m.log,
		UserAgent: "devicebridge/" + version(), Observe: m.operator.metrics.graph.observe, OnCircuit: m.circuit,
		Trace: m.operator.tracer.Exchange, Secrets: m.secrets,
	})
	if err != nil {
		return usageError{fmt.Errorf("BRIDGE_GRAPH_URL: %w", err)}
	}
	m.parts.idle = append(m.parts.idle, client.CloseIdleConnections)
	callbacks, err := webhook.NewCallbacks(c.PublicURL, keys)
	if err != nil {
		return usageError{fmt.Errorf("BRIDGE_PUBLIC_URL: %w", err)}
	}
	br, err := bridge.New(bridge.Options{
		Subjects: c.subjects, Stream: tracedStream{m.bus, m.operator.tracer}, Shelf: m.bus, Watcher: m.bus, Timers: m.bus, Payloads: m.bus,
		Eraser: m.bus,
		Sender: client, Observer: client, Directory: client, Callbacks: callbacks, Policy: m.policy(),
		MaxMessage: m.bus.MaxPayload(), MaxAge: c.StreamMaxAge,
		ExpiresDefault: c.ExpiresDefault, ExpiresMax: c.ExpiresMax,
		Timing: command.Timing{
			PollFirst: c.PollFirst, PollMax: c.PollMax, PollGrowth: c.PollGrowth, PollJitter: c.PollJitter, Grace: payloadGrace,
		},
		Paused: c.Dispatch == dispatchPaused, Hindered: func() []events.Wait { return hindered(m.signIn.Status(), client.Circuit()) }, ConfirmPostbacks: c.PostbackTrust == trustConfirm,
		Lease: leaseOf(c), Sends: c.Workers, Hooks: m.operator.metrics.hooks(), Tracer: m.operator.tracer, Log: m.log,
	})
	if err != nil {
		return err
	}
	hook, err := m.postbacks(keys, br, callbacks.PathPrefix())
	if err != nil {
		return err
	}
	m.parts.run(func(ctx context.Context) error { return hook.Serve(ctx, listener) })
	if c.Dispatch == dispatchPaused {
		m.operator.degrade(conditionPaused, br.Waits("")[0].Reason)
	}
	m.keys = keys
	m.parts.bridge, m.parts.work = br, workOf(c, m.bus, br, m.operator, m.log)
	m.parts.run(done(func(ctx context.Context) { br.SweepEvery(ctx, c.SweepEvery) }))
	m.parts.run(done(br.FollowThrottle))
	m.parts.run(done(func(ctx context.Context) { m.hurrying(ctx, br) }))
	return m.parts.answer(append(br.Endpoints(), keyEndpoints(keys, m.bus, time.Now)...))
}

// hurrying has waiting commands looked at as soon as something may be sent.
func (m *composer) hurrying(ctx context.Context, br *bridge.Bridge) {
	for {
		select {
		case <-m.sendable:
			br.Hurry(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// done gives a part that ends without an error.
func done(run func(context.Context)) func(context.Context) error {
	return func(ctx context.Context) error {
		run(ctx)
		return nil
	}
}

// leaseOf gives how long a claim may stand before another replica calls its
// outcome unknown: longer than its POST may take.
func leaseOf(c config) time.Duration { return c.PostTimeout + 30*time.Second }
