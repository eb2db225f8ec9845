package tracing

import (
	"context"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"devicebridge/events"
)

// Request begins the server span of a request to a micro endpoint, a child of the
// caller's span. It gives the headers that the handler is to see: their trace
// context, which a new command keeps, is that of the span. end takes what the
// handler gave.
func (t *Tracer) Request(ctx context.Context, endpoint string, header map[string][]string) (
	_ context.Context, _ map[string][]string, end func(reply any, err error),
) {
	if t == nil {
		return ctx, header, func(any, error) {}
	}
	method := "devicebridge/" + endpoint
	ctx, span := t.tracer.Start(under(ctx, headerContext(header)), method,
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(semconv.RPCSystemNameKey.String("nats"), semconv.RPCMethod(method)))
	return ctx, t.injected(ctx, header), func(reply any, err error) {
		about(span, reply)
		fail(span, err)
		span.End()
	}
}

// about names the command that an answer is about, and links its trace where the
// request has another: it was asked for before, by somebody else.
func about(span trace.Span, reply any) {
	var c events.Command
	switch reply := reply.(type) {
	case events.Receipt:
		c = reply.Command
	case events.CommandReply:
		c = reply.Command
	case events.EraseReply:
		c = reply.Command // which keeps no trace to link
	default:
		return
	}
	if c.ID == "" {
		return // of a refusal
	}
	span.SetAttributes(keyCommand.String(c.ID))
	if of := recordContext(c); of.IsValid() && of.TraceID() != span.SpanContext().TraceID() {
		span.AddLink(trace.Link{SpanContext: of})
	}
}

// Queued begins the consumer span of a request from the intake stream and gives the
// headers that the handler is to see, as Request does. count is the delivery's.
func (t *Tracer) Queued(ctx context.Context, header map[string][]string, count uint64) (
	_ context.Context, _ map[string][]string, end func(),
) {
	if t == nil {
		return ctx, header, func() {}
	}
	stream, made := t.subjects.IntakeStream(), headerContext(header)
	ctx, span := t.tracer.Start(under(ctx, made), "process "+stream,
		trace.WithSpanKind(trace.SpanKindConsumer), linkTo(made),
		trace.WithAttributes(messaging(stream, "process", semconv.MessagingOperationTypeProcess)...),
		trace.WithAttributes(keyDelivery.Int64(int64(count)))) //nolint:gosec // a number of deliveries
	return ctx, t.injected(ctx, header), func() { span.End() }
}
