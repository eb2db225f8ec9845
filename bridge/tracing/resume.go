package tracing

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"devicebridge/events"
)

// pending is a span that begins when the record is read that says in which trace:
// neither a timer nor Graph's postback knows. Without a record there is none.
type pending struct {
	tracer  trace.Tracer
	name    string
	options []trace.SpanStartOption
	// other is a parent for a command that has no trace.
	other trace.SpanContext

	mu   sync.Mutex
	span trace.Span
}

type pendingKey struct{}

func (t *Tracer) pend(ctx context.Context, name string, made trace.SpanContext, options ...trace.SpanStartOption) (context.Context, *pending) {
	p := &pending{tracer: t.tracer, name: name, other: made}
	p.options = append(options, linkTo(made), trace.WithTimestamp(time.Now()))
	return context.WithValue(ctx, pendingKey{}, p), p
}

// end ends the span with what tell says of it, if it has begun.
func (p *pending) end(tell func(trace.Span)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.span != nil {
		tell(p.span)
		p.span.End()
	}
}

// Resume goes on with the trace of a command whose record c was read for what ctx
// came from, a timer or a postback: it begins that span. Elsewhere, and when it has
// begun, it changes nothing.
func (t *Tracer) Resume(ctx context.Context, c events.Command) context.Context {
	p, is := ctx.Value(pendingKey{}).(*pending)
	if t == nil || !is {
		return ctx
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.span == nil {
		_, p.span = p.tracer.Start(under(ctx, recordContext(c), p.other), p.name,
			append(p.options, trace.WithAttributes(keyCommand.String(c.ID)))...)
	}
	return trace.ContextWithSpan(ctx, p.span)
}

// Timer announces the consumer span of a timer that fired; header is of its message
// and links the span that set it. The span begins with Resume.
func (t *Tracer) Timer(ctx context.Context, header map[string][]string, count uint64) (_ context.Context, end func()) {
	if t == nil {
		return ctx, func() {}
	}
	stream := t.subjects.TimerStream()
	ctx, p := t.pend(ctx, "process "+stream, headerContext(header),
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(messaging(stream, "process", semconv.MessagingOperationTypeProcess)...),
		trace.WithAttributes(keyDelivery.Int64(int64(count)))) //nolint:gosec // a number of deliveries
	return ctx, func() { p.end(func(trace.Span) {}) }
}

// postbackRoute is the path of the callback URL, whose parts no span may hold.
const postbackRoute = "/postback/{command}/{token}"

// Postback announces the server span of a postback whose token is good; header is of
// its request, and a traceparent in it becomes a link. The span begins with Resume.
// end takes the status that the sender is answered with.
func (t *Tracer) Postback(ctx context.Context, header http.Header) (_ context.Context, end func(status int)) {
	if t == nil {
		return ctx, func(int) {}
	}
	ctx, p := t.pend(ctx, http.MethodPost+" "+postbackRoute, headerContext(header),
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(semconv.HTTPRequestMethodPost, semconv.HTTPRoute(postbackRoute)))
	return ctx, func(status int) {
		p.end(func(span trace.Span) {
			span.SetAttributes(semconv.HTTPResponseStatusCode(status))
			if status >= http.StatusInternalServerError {
				span.SetAttributes(semconv.ErrorTypeKey.String(statusText(status)))
				span.SetStatus(codes.Error, "")
			}
		})
	}
}
