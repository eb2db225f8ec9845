package main

import (
	"context"
	"log/slog"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/bridge/tracing"
	"devicebridge/events"
	"devicebridge/schemas"
)

// endpointsOf gives the micro endpoints with the names of their schemas: those
// themselves made the answer to $SRV.INFO nearly 200 KB.
func endpointsOf(endpoints []bridge.Endpoint, tracer *tracing.Tracer) ([]bus.Endpoint, error) {
	var list []bus.Endpoint
	for _, e := range endpoints {
		for _, name := range []string{e.Request, e.Reply} {
			if _, err := schemas.Text(name); err != nil {
				return nil, err
			}
		}
		list = append(list, bus.Endpoint{
			Name: e.Name, Description: e.Description, RequestSchema: schemaFile(e.Request), ReplySchema: schemaFile(e.Reply),
			Handle: tracedEndpoint(tracer, e),
		})
	}
	return list, nil
}

// schemaFile returns the file of the module that has a schema.
func schemaFile(name string) string { return "schemas/" + name + ".schema.json" }

func dispatcher(br *bridge.Bridge, tracer *tracing.Tracer, subjects events.Subjects, unreadable func(), log *slog.Logger) bus.Handler {
	return func(ctx context.Context, d bus.Delivery) bus.Disposition {
		id, _, _ := subjects.ParseEvent(d.Subject)
		stored, err := delivered(br, id, d)
		if err != nil {
			log.Error("an event that cannot be read is left alone", "command", id, "sequence", d.Sequence, "error", err)
			unreadable()
			return bus.Done()
		}
		ctx, end := tracer.Dispatch(ctx, d.Header, stored.Command, d.Delivered)
		defer end()
		return disposition(br.Dispatch(ctx, stored, bridge.Delivery{Count: d.Delivered, Sent: d.Sent, Alive: d.InProgress}))
	}
}

// delivered gives the event of a delivery. As a rule this process has just stored it.
func delivered(br *bridge.Bridge, command string, d bus.Delivery) (events.Stored, error) {
	if stored, is := br.Recall(command, d.Sequence, d.Header); is {
		return stored, nil
	}
	return d.Stored()
}

func looker(br *bridge.Bridge, tracer *tracing.Tracer, subjects events.Subjects, observe func(bus.Delivery)) bus.Handler {
	return func(ctx context.Context, d bus.Delivery) bus.Disposition {
		id, ok := subjects.ParseTimer(d.Subject)
		if !ok {
			return bus.Done() // not a timer of ours
		}
		ctx, end := tracer.Timer(ctx, d.Header, d.Delivered)
		defer end()
		observe(d)
		return disposition(br.Look(ctx, id, bridge.Delivery{Count: d.Delivered, Sent: d.Sent, Alive: d.InProgress, Confirm: d.Confirm()}))
	}
}

func taker(br *bridge.Bridge, tracer *tracing.Tracer) bus.Handler {
	return func(ctx context.Context, d bus.Delivery) bus.Disposition {
		ctx, header, end := tracer.Queued(ctx, d.Header, d.Delivered)
		defer end()
		request := queued(d)
		request.Header = header
		return disposition(br.Take(ctx, request))
	}
}

// poisonous has messages whose handling breaks down counted and set aside as
// decide says, which gives how long to wait before they must come again.
func poisonous(w bus.Work, count func(), decide func(context.Context, bus.Delivery) time.Duration) bus.Work {
	w.Poisoned = func(ctx context.Context, d bus.Delivery, _ string) bus.Disposition {
		count()
		return disposition(decide(ctx, d))
	}
	return w
}

// workOf gives what is worked on side by side. While sending is paused the bridge
// leaves accepted commands to their timers.
func workOf(c config, b *bus.Bus, br *bridge.Bridge, o *operator, log *slog.Logger) []bus.Work {
	m := o.metrics
	intake := b.IntakeWork(c.Workers, taker(br, o.tracer))
	timers := b.TimerWork(bus.DefaultAckWait, c.Workers, looker(br, o.tracer, c.subjects, m.commands.observeTimer))
	dispatch := b.DispatchWork(bus.DefaultAckWait, c.Workers, dispatcher(br, o.tracer, c.subjects, m.observeUnreadable, log))
	work := []bus.Work{
		poisonous(intake, m.consumer(intake.Durable), func(ctx context.Context, d bus.Delivery) time.Duration {
			return br.PoisonedIntake(ctx, queued(d))
		}),
		poisonous(timers, m.consumer(timers.Durable), func(ctx context.Context, d bus.Delivery) time.Duration {
			id, _ := c.subjects.ParseTimer(d.Subject) // no other is handled
			return br.PoisonedCommand(ctx, id)
		}),
		poisonous(dispatch, m.consumer(dispatch.Durable), func(ctx context.Context, d bus.Delivery) time.Duration {
			stored, err := d.Stored()
			if err != nil {
				return 0 // left alone, as by the dispatcher
			}
			return br.PoisonedCommand(ctx, stored.Command.ID)
		}),
	}
	if c.Dispatch == dispatchPaused {
		log.Warn("sending is paused by BRIDGE_DISPATCH: requests are taken and commands under way are followed, and nothing is sent to Graph; " +
			"after a restore run `devicebridge quarantine`; to go on, start every replica again without BRIDGE_DISPATCH")
	}
	return work
}

// queued gives a delivery of the intake stream as the bridge has it.
func queued(d bus.Delivery) bridge.QueuedRequest {
	return bridge.QueuedRequest{Header: d.Header, Data: d.Data, Sent: d.Sent, StreamCreated: d.StreamCreated, Sequence: d.Sequence}
}

func disposition(again time.Duration) bus.Disposition {
	if again > 0 {
		return bus.Again(again)
	}
	return bus.Done()
}
