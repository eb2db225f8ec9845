package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/directory"
	"devicebridge/events"
)

func newDemo() *cobra.Command {
	var keep, verbose bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run everything in one process and send two commands",
		Long: `Run a NATS server, the Graph emulator and the bridge in this process, send one
launchUri and one appService command, and show what becomes of them as it
happens. Nothing has to be installed, configured or running; nothing is kept.`,
		Example: "  devicebridge demo\n  devicebridge demo --keep   # and go on by hand",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			level := slog.LevelWarn
			if verbose {
				level = slog.LevelDebug
			}
			return demo{out: cmd.OutOrStdout(), log: newLogger(cmd.ErrOrStderr(), "auto", level), keep: keep}.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "keep running afterwards, until Ctrl-C")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show the bridge's own log")
	return cmd
}

// demo runs the whole product in one process.
type demo struct {
	out  io.Writer
	log  *slog.Logger
	keep bool
}

func (d demo) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "devicebridge-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	graph, err := listenNear(ctx, "127.0.0.1:8089")
	if err != nil {
		return err
	}
	hook, err := listenNear(ctx, "127.0.0.1:8080")
	if err != nil {
		return errors.Join(err, graph.Close())
	}
	nats, err := freeAddress(ctx, "127.0.0.1:4222")
	if err != nil {
		return errors.Join(err, graph.Close(), hook.Close())
	}
	devices, err := directory.New(directory.Options{}) // for a second bridge beside the demo
	if err != nil {
		return errors.Join(err, graph.Close(), hook.Close())
	}
	e, err := emulator.New(emulator.Options{Directory: devices})
	if err != nil {
		return errors.Join(err, graph.Close(), hook.Close())
	}
	c, err := loadServe(map[string]string{
		"BRIDGE_PUBLIC_URL": "http://" + hook.Addr().String(), "BRIDGE_GRAPH_URL": "http://" + graph.Addr().String() + "/beta",
		"BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "demo",
		"BRIDGE_DATA_DIR": dir, "BRIDGE_NATS_LISTEN": nats, "BRIDGE_ADMIN_ADDR": adminOff,
	})
	if err != nil {
		return errors.Join(err, graph.Close(), hook.Close())
	}

	// The parts run until the tour is over; the first to fail ends it.
	running, stop := context.WithCancel(ctx)
	defer stop()
	group, running := errgroup.WithContext(running)
	ready := make(chan started, 1)
	group.Go(func() error { return serveEmulator(running, e, graph) })
	group.Go(func() error { return runBridge(running, c, hook, d.log, func(s started) { ready <- s }) })
	group.Go(func() error {
		defer stop()
		select {
		case s := <-ready:
			return d.tour(running, c, s, graph.Addr().String())
		case <-running.Done():
			return nil
		}
	})
	return group.Wait()
}

// tour shows two commands from the outside, as any client of the bridge would
// see them.
func (d demo) tour(ctx context.Context, c config, s started, graph string) error {
	d.say("devicebridge %s: NATS %s, Graph emulator http://%s/beta, callbacks at %s\n", version(), s.NATS, graph, s.Callbacks)
	client := c.clientConfig
	client.NATS.URL = s.NATS
	b, err := bus.Connect(ctx, busOptions(client, nil, d.log))
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = b.Close(closing)
	}()
	device := emulator.DefaultDevices()[0]
	launch := events.Request{
		RequestID: "demo-launch", DeviceID: device.ID, Type: string(events.TypeLaunchURI),
		Payload: json.RawMessage(`{"uri":"https://example.com/"}`),
	}
	service := events.Request{
		RequestID: "demo-service", DeviceID: device.ID, Type: string(events.TypeAppService),
		AppServiceName: "com.example.ping", PackageFamilyName: "Example.App_8wekyb3d8bbwe",
		Payload: json.RawMessage(`{"Type":"Toast","Title":"Hello"}`),
	}
	for _, r := range []events.Request{launch, service} {
		d.say("\n%s on %s (%s)\n", r.Type, device.Name, device.ID)
		if err := d.one(ctx, b, r); err != nil {
			return err
		}
	}
	return d.byHand(ctx, b, s, graph, device.ID)
}

// one sends a command and prints its events until it has ended.
func (d demo) one(ctx context.Context, b *bus.Bus, r events.Request) error {
	var receipt events.Receipt
	if err := b.Request(ctx, "commands.send", r, &receipt, 0); err != nil {
		return err
	}
	var last events.Command
	err := b.Follow(ctx, bus.FollowOptions{Filter: receipt.Events, All: true}, func(e events.Stored) error {
		last = e.Command
		if err := writeEvent(d.out, e); err != nil {
			return err
		}
		if e.Command.Ended() {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		return errors.Join(err, context.Cause(ctx))
	}
	if last.State != events.StateCompleted {
		return notCompletedError{last.State}
	}
	return nil
}

// byHand prints the lines that repeat the tour from a shell, and waits if the
// demo is to be kept.
func (d demo) byHand(ctx context.Context, b *bus.Bus, s started, graph, device string) error {
	prefix := b.Subjects().Prefix()
	where := "To do it by hand, start `devicebridge demo --keep` and, in another terminal:"
	callback := "<callbackUrl>"
	if d.keep {
		where = "It keeps running. In another terminal:"
		var receipt events.Receipt
		if err := b.Request(ctx, "callbacks.create", events.CallbackRequest{RequestID: "by-hand"}, &receipt, 0); err != nil {
			return err
		}
		callback = receipt.CallbackURL
	}
	d.say(`
%s
  export NATS_URL=%s
  nats sub '%s.events.>'
  nats req %s.commands.send '{"deviceId":"%s","type":"launchUri","payload":{"uri":"https://example.com/"}}' -H Bridge-Wait:30s
  nats req %s.callbacks.create '{"requestId":"by-hand"}'
  curl -i -d '{"status":"completed"}' '%s'
  curl -s http://%s/emulator/commands
`, where, s.NATS, prefix, prefix, device, prefix, callback, graph)
	if d.keep {
		d.say("\nCtrl-C stops it.\n")
		<-ctx.Done()
	}
	return nil
}

func (d demo) say(format string, a ...any) { _, _ = fmt.Fprintf(d.out, format, a...) }

// listenNear listens on address or, where that is taken, on a free port.
func listenNear(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	return l, nil
}

// freeAddress gives an address that listenNear found to be free.
func freeAddress(ctx context.Context, address string) (string, error) {
	l, err := listenNear(ctx, address)
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
