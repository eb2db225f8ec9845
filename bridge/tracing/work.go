package tracing

import (
	"context"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"devicebridge/events"
)

// Dispatch begins the consumer span of an accepted command that is to be sent, in
// the trace of its record c, with a link to the span that stored the event, which is
// in the message's header. count is the delivery's.
func (t *Tracer) Dispatch(ctx context.Context, header map[string][]string, c events.Command, count uint64) (_ context.Context, end func()) {
	if t == nil {
		return ctx, func() {}
	}
	stream, made := t.subjects.EventStream(), headerContext(header)
	ctx, span := t.tracer.Start(under(ctx, recordContext(c), made), "process "+stream,
		trace.WithSpanKind(trace.SpanKindConsumer), linkTo(made),
		trace.WithAttributes(messaging(stream, "process", semconv.MessagingOperationTypeProcess)...),
		trace.WithAttributes(semconv.MessagingMessageID(c.EventID()), keyCommand.String(c.ID),
			keyDelivery.Int64(int64(count)))) //nolint:gosec // a number of deliveries
	return ctx, func() { span.End() }
}

// Step begins a part of what ctx does for a command, such as "poll".
func (t *Tracer) Step(ctx context.Context, name string) (_ context.Context, end func()) {
	if t == nil {
		return ctx, func() {}
	}
	ctx, span := t.tracer.Start(ctx, name)
	return ctx, func() { span.End() }
}

// Store begins the producer span of an event that carries c: in the command's trace,
// below the span of ctx where that is of this trace, else with a link to it. end
// takes what became of the append.
func (t *Tracer) Store(ctx context.Context, kind events.Kind, c events.Command) (_ context.Context, end func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	stream := t.subjects.EventStream()
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(messaging(stream, "send", semconv.MessagingOperationTypeSend)...),
		trace.WithAttributes(semconv.MessagingMessageID(c.EventID()), keyCommand.String(c.ID),
			keyKind.String(string(kind)), keySource.String(string(c.Source)), keyAttempt.Int(c.Attempt)),
	}
	own, current := recordContext(c), trace.SpanContextFromContext(ctx)
	if own.IsValid() && own.TraceID() != current.TraceID() {
		ctx, options = under(ctx, own), append(options, linkTo(current))
	}
	ctx, span := t.tracer.Start(ctx, "send "+stream, options...)
	return ctx, func(err error) {
		fail(span, err)
		span.End()
	}
}
