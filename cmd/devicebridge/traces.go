package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"devicebridge/bridge/tracing"
	"devicebridge/bridge/tracing/otlp"
)

// traces is OpenTelemetry's SDK of one bridge.
type traces struct {
	// tracer is nil where nothing is traced.
	tracer *tracing.Tracer
	// stop exports what has not been yet, within what is left of the drain budget.
	stop func()
}

// startTraces sets up the SDK as OTEL_* say. Its providers are handed on, never made
// the process's: two bridges in one process do not share them.
func startTraces(ctx context.Context, c config, stop *budget, log *slog.Logger) (traces, error) {
	processors, err := spanProcessors(ctx, c.Traces, log)
	if err != nil || len(processors) == 0 {
		return traces{stop: func() {}}, err
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("devicebridge"), semconv.ServiceVersion(version()), semconv.ServiceInstanceID(uuid.NewString())),
		resource.WithTelemetrySDK(), resource.WithFromEnv()) // the last wins
	if err != nil {
		log.Warn("part of what OTEL_RESOURCE_ATTRIBUTES says is left out of the traces", "error", err)
	}
	// The sampler is OTEL_TRACES_SAMPLER, by default what the caller decided, and
	// always where there is no caller.
	options := []trace.TracerProviderOption{trace.WithResource(about)}
	for _, p := range processors {
		options = append(options, trace.WithSpanProcessor(p))
	}
	provider := trace.NewTracerProvider(options...)
	return traces{
		tracer: tracing.New(provider, c.subjects, version()),
		stop: func() {
			ending, cancel := stop.toClose(ctx)
			defer cancel()
			if err := provider.Shutdown(ending); err != nil {
				log.Warn("the last spans were not exported", "error", err)
			}
		},
	}, nil
}

// spanProcessors gives what spans go through; none where nothing is traced.
func spanProcessors(ctx context.Context, t tracesConfig, log *slog.Logger) ([]trace.SpanProcessor, error) {
	if t.spans != nil {
		return []trace.SpanProcessor{t.spans}, nil
	}
	var list []trace.SpanProcessor
	for _, name := range t.exporters() {
		exporter, where, err := newExporter(ctx, t, name)
		if err != nil {
			return nil, fmt.Errorf("OTEL_TRACES_EXPORTER: %s: %w", name, err)
		}
		log.Info("spans are exported", "exporter", name, "to", where)
		list = append(list, trace.NewBatchSpanProcessor(&toldExporter{SpanExporter: exporter, log: log}))
	}
	return list, nil
}

func newExporter(ctx context.Context, t tracesConfig, name string) (_ trace.SpanExporter, where string, err error) {
	if name == exporterConsole {
		exporter, err := stdouttrace.New(stdouttrace.WithWriter(os.Stdout))
		return exporter, "standard output", err
	}
	o, err := t.otlp()
	if err != nil {
		return nil, "", err
	}
	// The URL may hold a secret in its query.
	where, _, _ = strings.Cut(o.URL, "?")
	exporter, err := otlptrace.New(ctx, otlp.New(o))
	return exporter, where, err
}

// toldExporter logs when an export fails that went well before, and the other way
// round: the SDK would tell of each on a logger of its own.
type toldExporter struct {
	trace.SpanExporter
	log     *slog.Logger
	failing atomic.Bool
}

// ExportSpans implements trace.SpanExporter; spans that cannot be exported are lost.
func (e *toldExporter) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !e.failing.Swap(true):
		e.log.Warn("spans cannot be exported and are lost; commands are not affected", "spans", len(spans), "error", err)
	case err == nil && e.failing.Swap(false):
		e.log.Info("spans are exported again")
	}
	return nil
}
