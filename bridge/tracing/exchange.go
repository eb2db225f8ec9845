package tracing

import (
	"context"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"devicebridge/bridge/graph"
)

// Exchange begins the client span of an HTTP request to Graph, by OpenTelemetry's
// conventions for HTTP, without url.full: ids are in it. end takes the answer. Graph
// is sent no traceparent; it documents none, and what the bridge's caller does is not
// its business.
func (t *Tracer) Exchange(ctx context.Context, r graph.Outgoing) (_ context.Context, end func(graph.Incoming)) {
	if t == nil {
		return ctx, func(graph.Incoming) {}
	}
	attrs := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(r.Method), semconv.URLTemplate(r.Route), semconv.ServerAddress(r.Host),
		semconv.HTTPRequestHeader("client-request-id", r.ClientRequestID),
	}
	if r.Port != 0 {
		attrs = append(attrs, semconv.ServerPort(r.Port))
	}
	if r.Resend > 0 {
		attrs = append(attrs, semconv.HTTPRequestResendCount(r.Resend))
	}
	ctx, span := t.tracer.Start(ctx, r.Method+" "+r.Route, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	return ctx, func(a graph.Incoming) {
		defer span.End()
		kind := a.Failure
		if a.StatusCode != 0 {
			span.SetAttributes(semconv.HTTPResponseStatusCode(a.StatusCode))
			if a.StatusCode >= http.StatusBadRequest {
				kind = statusText(a.StatusCode)
			}
		}
		if a.RequestID != "" {
			span.SetAttributes(semconv.HTTPResponseHeader("request-id", a.RequestID))
		}
		if kind != "" {
			span.SetAttributes(semconv.ErrorTypeKey.String(kind))
			span.SetStatus(codes.Error, "")
		}
	}
}

func statusText(status int) string { return strconv.Itoa(status) }
