package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"devicebridge/deploy/bench/load"
	"devicebridge/deploy/bench/report"
	"devicebridge/deploy/bench/servers"
	"devicebridge/events"
)

func commandVariants() []variant {
	return []variant{
		{part: partCommand, name: forwardName, measure: measureForwarder},
		bridgeCommands(intervalName), bridgeCommands(alwaysName), bridgeCommands(eachName),
	}
}

// eventsPerCommand are accepted, sending and requesting.
const eventsPerCommand = 3

func bridgeCommands(name string) variant {
	return variant{part: partCommand, name: name, measure: func(ctx context.Context, s *suite, dir string) (sample, error) {
		return s.commands(ctx, func(graph string) (*target, error) {
			t := new(target)
			return t, s.startBridge(ctx, t, dir, graph, vars(name))
		}, func(nc *nats.Conn) (load.Commands, error) {
			seen, err := subscribe(nc)
			return load.Commands{
				Subject: events.Subjects{}.Service("commands.send"), Check: refusal, Seen: seen.of,
				Body: func(id string) []byte {
					return fmt.Appendf(nil, `{"requestId":%q,"deviceId":%q,"type":"launchUri","payload":{"uri":"https://contoso.example/orders/4711?from=toast"}}`, id, device)
				},
			}, err
		}, eventsPerCommand)
	}}
}

// measureForwarder gives the forwarder bodies as long as those that the bridge
// makes for Graph, with a callback URL in them.
func measureForwarder(ctx context.Context, s *suite, dir string) (sample, error) {
	return s.commands(ctx, func(graph string) (*target, error) {
		return s.startOwn(ctx, dir, servers.Config{Kind: servers.Forward, Graph: graph})
	}, func(*nats.Conn) (load.Commands, error) {
		return load.Commands{
			Subject: servers.ForwardSubject,
			Check: func(m *nats.Msg) error {
				if !bytes.HasPrefix(m.Data, []byte(`{"id":`)) {
					return fmt.Errorf("the forwarder replied %q", m.Data)
				}
				return nil
			},
			Body: func(id string) []byte {
				return fmt.Appendf(nil, `{"type":"LaunchUri","payload":{"uri":"https://contoso.example/orders/4711?from=toast"},`+
					`"postBackUri":"http://127.0.0.1:8080/postback/%s/%s"}`, events.RandomCommandID(), longID(id))
			},
		}, nil
	}, 0)
}

// tokenLength is that of a callback token.
const tokenLength = 57

// longID makes id as long as a callback token.
func longID(id string) string { return (id + strings.Repeat("x", tokenLength))[:tokenLength] }

// commands measures the way of commands through a target that start starts.
func (s *suite) commands(ctx context.Context, start func(graph string) (*target, error), client func(*nats.Conn) (load.Commands, error), perCommand int) (sample, error) {
	got := sample{values: map[report.Measure]float64{}}
	graph, err := load.StartGraph(ctx)
	if err != nil {
		return got, err
	}
	defer graph.Close()
	t, err := start(graph.URL())
	if err != nil {
		return got, err
	}
	defer t.stop()
	got.values[ready] = milliseconds(t.ready)
	nc, err := nats.Connect("nats://"+t.nats, nats.Name("bench"))
	if err != nil {
		return got, fmt.Errorf("connect to NATS: %w", err)
	}
	defer nc.Close()
	c, err := client(nc)
	if err != nil {
		return got, err
	}
	c.Conn, c.Requesters = nc, s.options.connections
	if err := errors.Join(nc.Flush(), memory(t, got, memoryReady)); err != nil {
		return got, err
	}
	warm, err := c.Closed(ctx, "warm", s.options.warm)
	if err != nil {
		return got, err
	}
	var r load.CommandResult
	err = s.watched(ctx, t, got, func(ctx context.Context) (int, error) {
		r, err = c.Closed(ctx, "run", s.options.measured)
		return r.Done.Count(), err
	})
	if err != nil {
		return got, err
	}
	got.values[rate] = r.Rate()
	got.values[p50], got.values[p99] = milliseconds(r.Receipts.Quantile(.5)), milliseconds(r.Receipts.Quantile(.99))
	if c.Seen != nil {
		got.values[doneP50], got.values[doneP99] = milliseconds(r.Done.Quantile(.5)), milliseconds(r.Done.Quantile(.99))
	}
	return got, errors.Join(memory(t, got, memoryEnd), checkCommands(ctx, nc, warm.Done.Count()+r.Done.Count(), graph, perCommand))
}

// checkCommands fails unless Graph got each command once, and each has its events.
func checkCommands(ctx context.Context, nc *nats.Conn, done int, graph *load.Graph, perCommand int) error {
	if taken := graph.Taken(); taken != uint64(done) { //nolint:gosec // a count
		return fmt.Errorf("%d commands are done, and Graph took %d", done, taken)
	}
	if perCommand == 0 {
		return nil
	}
	stored, err := storedIn(nc, events.Subjects{}.EventStream())(ctx)
	if err == nil && stored != done*perCommand {
		err = fmt.Errorf("%d commands are done, and the stream holds %d events", done, stored)
	}
	return err
}
