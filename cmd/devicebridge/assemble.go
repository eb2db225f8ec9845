package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/crash"
	"devicebridge/bridge/tracing"
	"devicebridge/webhook"
)

// started is what a running bridge tells about itself.
type started struct {
	// NATS is the address clients connect to; Embedded says that the server is
	// inside.
	NATS     string
	Embedded bool
	// Listen is where postbacks arrive, Callbacks the base of the URLs given to
	// Graph; empty without commands.
	Listen    string
	Callbacks string
	// Admin is the address of the admin listener, or "off".
	Admin string
	Took  time.Duration
}

// operator is what a bridge shows its operator, and what the operator grants it.
type operator struct {
	metrics *metrics
	health  *health
	tracer  *tracing.Tracer // nil: nothing is traced
	stop    *budget
}

func newOperator(c config) *operator {
	return &operator{metrics: newMetrics(readBuild()), health: &health{}, stop: &budget{most: c.DrainTimeout}}
}

// runBridge runs a bridge until ctx ends, then stops it in order: no new work,
// what is under way is finished, NATS is drained, the embedded server stops, the
// admin listener closes; all of it within BRIDGE_DRAIN_TIMEOUT, or the error says
// what did not end. ready is called once when everything runs. listener may
// be nil: then ListenAddr is listened on.
func runBridge(ctx context.Context, c config, listener net.Listener, log *slog.Logger, ready func(started)) error {
	begin := time.Now()
	about := started{Admin: adminOff}
	var keys *webhook.Keyring
	var err error
	if c.sends() {
		if keys, err = callbackKeys(c); err != nil {
			return err
		}
		if listener == nil {
			if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", c.ListenAddr); err != nil {
				return listenError("BRIDGE_LISTEN_ADDR", err)
			}
		}
		defer func() { _ = listener.Close() }() // closed by Serve already, if it came to that
		about.Listen, about.Callbacks = listener.Addr().String(), strings.TrimSuffix(c.PublicURL, "/")+"/postback/"
	}
	admin, err := listenAdmin(ctx, c.AdminAddr)
	if err != nil {
		return err
	}
	if admin != nil {
		about.Admin = admin.Addr().String()
		log.Debug("admin listener open", "listen", about.Admin)
	}
	o := newOperator(c)
	spans, err := startTraces(ctx, c, o.stop, log)
	if err != nil {
		return err
	}
	defer spans.stop()
	o.tracer = spans.tracer
	note := func() {}
	defer func() { note() }()
	handler := adminHandler(o.metrics.handler(), o.health, readBuild(), ownHands(c.AdminAddr, levelHandler(c.level, log)))
	err = withAdmin(ctx, admin, handler, log, o.stop, func(ctx context.Context) error {
		return onNATS(ctx, c, o, log, func(server *bus.Server, b *bus.Bus) error {
			parts, err := compose(c, b, keys, listener, o, log)
			if err != nil {
				return err
			}
			parts.streams = streamOptions(c, server)
			return parts.runAll(ctx, o.stop, log, func() {
				o.health.start()
				about.NATS, about.Embedded, about.Took = natsAddress(server, b), server != nil, time.Since(begin)
				if server != nil {
					note = noteRunning(c.DataDir, about, log)
				}
				ready(about)
			})
		})
	})
	if err == nil {
		log.Info("stopped: everything under way was finished")
	}
	return err
}

// onNATS runs run on a connection to NATS with the streams as they should be. It
// starts the embedded server, if it is to be one, and takes all of it down again
// when run is through.
func onNATS(ctx context.Context, c config, o *operator, log *slog.Logger, run func(*bus.Server, *bus.Bus) error) (err error) {
	server, err := embeddedServer(c, log)
	if err != nil {
		return err
	}
	if server != nil {
		defer server.Stop()
	}
	options := busOptions(c.clientConfig, server, log)
	options.Inject, options.Hooks, options.SyncEach = o.tracer.Inject, o.metrics.nats.hooks(), c.NATSSync == "each"
	options.Hooks.Waiting = o.health.wait
	b, err := bus.Connect(ctx, options)
	if err != nil {
		return err
	}
	defer func() {
		o.health.drain()
		drain, cancel := o.stop.toClose(ctx)
		defer cancel()
		err = errors.Join(err, b.Close(drain))
		crash.At(crash.StopDrained)
	}()
	if err := b.Ensure(ctx, streamOptions(c, server)); err != nil {
		return err
	}
	if server == nil {
		if err := b.Remember(ctx, c.Dispatch == dispatchPaused); err != nil {
			return err
		}
		return run(server, b)
	}
	witness, err := b.Witness(ctx, c.witnessFile(), c.Dispatch == dispatchPaused)
	if err != nil {
		return err
	}
	keeping, stop := context.WithCancel(ctx)
	var kept sync.WaitGroup
	kept.Go(func() { witness.Keep(keeping) })
	err = run(server, b)
	stop()
	kept.Wait()
	if noted := witness.Note(context.WithoutCancel(ctx)); noted != nil {
		log.Warn("the witness of the event stream is not written", "error", noted)
	}
	return err
}
