package tracing

import (
	"context"
	"maps"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"devicebridge/events"
)

// maxState is the length of a tracestate that W3C wants propagated, in bytes. A
// longer one is dropped: it would go into the headers of every event.
const maxState = 512

// contextOf reads a W3C trace context. One that has not its form is none.
func contextOf(parent, state string) trace.SpanContext {
	carrier := propagation.MapCarrier{events.HeaderTraceParent: parent}
	if len(state) <= maxState {
		carrier[events.HeaderTraceState] = state
	}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}

// headerContext reads the trace context in the headers of a message.
func headerContext(header map[string][]string) trace.SpanContext {
	return contextOf(events.HeaderValue(header, events.HeaderTraceParent), events.HeaderValue(header, events.HeaderTraceState))
}

// recordContext reads the trace context that a command's record keeps.
func recordContext(c events.Command) trace.SpanContext { return contextOf(c.TraceParent, c.TraceState) }

// Inject puts the span of ctx into the headers of a message, in the place of what
// they tell of a trace. Where there is none the headers stay as they are.
func (t *Tracer) Inject(ctx context.Context, header map[string][]string) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return
	}
	maps.DeleteFunc(header, func(name string, _ []string) bool {
		return strings.EqualFold(name, events.HeaderTraceParent) || strings.EqualFold(name, events.HeaderTraceState)
	})
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	for name, value := range carrier {
		header[name] = []string{value}
	}
}

// injected gives a copy of the headers with the span of ctx in it.
func (t *Tracer) injected(ctx context.Context, header map[string][]string) map[string][]string {
	with := make(map[string][]string, len(header)+2)
	maps.Copy(with, header)
	t.Inject(ctx, with)
	return with
}

// linkTo gives a link, or none to a context that is not one.
func linkTo(contexts ...trace.SpanContext) trace.SpanStartOption {
	var links []trace.Link
	for _, c := range contexts {
		if c.IsValid() {
			links = append(links, trace.Link{SpanContext: c})
		}
	}
	return trace.WithLinks(links...)
}

// under gives ctx with the first context that is one as its parent.
func under(ctx context.Context, parents ...trace.SpanContext) context.Context {
	for _, parent := range parents {
		if parent.IsValid() {
			return trace.ContextWithRemoteSpanContext(ctx, parent)
		}
	}
	return ctx
}
