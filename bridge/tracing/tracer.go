package tracing

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"devicebridge/events"
)

// Tracer begins the spans of a bridge. It is safe for concurrent use; nil does
// nothing.
type Tracer struct {
	tracer   trace.Tracer
	subjects events.Subjects
}

// New gives a Tracer whose spans go to provider. subjects names the streams in them,
// version the bridge.
func New(provider trace.TracerProvider, subjects events.Subjects, version string) *Tracer {
	return &Tracer{subjects: subjects, tracer: provider.Tracer("devicebridge",
		trace.WithInstrumentationVersion(version), trace.WithSchemaURL(semconv.SchemaURL))}
}

// The attributes that no convention has a name for.
const (
	keyCommand  = attribute.Key("devicebridge.command.id")
	keyKind     = attribute.Key("devicebridge.event.kind")
	keySource   = attribute.Key("devicebridge.event.source")
	keyAttempt  = attribute.Key("devicebridge.command.attempt")
	keyDelivery = attribute.Key("devicebridge.delivery.count")
)

// fail marks a span whose work came to an error. Only what the bridge could not do is
// a failure of the span; a refusal is an answer, as the conventions for servers say.
func fail(span trace.Span, err error) {
	if err == nil {
		return
	}
	kind, failed := "internal", true
	if told, ok := errors.AsType[*events.Error](err); ok {
		kind, failed = string(told.Code), told.Code == events.CodeUnavailable
	} else if errors.Is(err, events.ErrLost) {
		kind, failed = "lost", false // another input of the command won
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(kind))
	if failed {
		span.SetStatus(codes.Error, "")
	}
}

// messaging gives what OpenTelemetry's conventions for messaging ask of a span about
// a stream.
func messaging(stream, operation string, kind attribute.KeyValue) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String("nats"), semconv.MessagingDestinationName(stream),
		semconv.MessagingOperationName(operation), kind,
	}
}
