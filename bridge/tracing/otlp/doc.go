// Package otlp sends spans to a collector by OTLP over HTTP with binary protobuf, as
// the OTLP specification describes it. OpenTelemetry's own client for this links the
// whole of gRPC, two megabytes, for a transport that it does not use; all but the
// transport is OpenTelemetry's here too.
//
// It promises that a batch is sent again, with pauses, after the answers that the
// specification calls retryable, until the context ends or the time-out is over, and
// that no error holds a header. It leaves out OTLP over gRPC and as JSON, client
// certificates, and what a collector says of a part that it rejected.
package otlp
