package main

import (
	"context"
	"errors"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/bridge/tracing"
	"devicebridge/events"
)

// tracedStream gives every append a span, which its event's traceparent names.
type tracedStream struct {
	bridge.Stream
	tracer *tracing.Tracer
}

// Append implements bridge.Stream.
func (s tracedStream) Append(ctx context.Context, kind events.Kind, c events.Command, expected uint64) (seq uint64, err error) {
	ctx, end := s.tracer.Store(ctx, kind, c)
	defer func() { end(err) }()
	return s.Stream.Append(ctx, kind, c, expected)
}

// tracedEndpoint gives every request to an endpoint a span. The trace context that
// the handler sees, and a new command keeps, is that of the span.
func tracedEndpoint(tracer *tracing.Tracer, e bridge.Endpoint) func(context.Context, bus.Call) (any, error) {
	return func(ctx context.Context, call bus.Call) (reply any, err error) {
		ctx, header, end := tracer.Request(ctx, e.Name, call.Header)
		defer func() { end(reply, err) }()
		err = errors.New("the handler panicked") // unless it comes back
		reply, err = e.Handle(ctx, header, call.Data)
		return reply, err
	}
}
