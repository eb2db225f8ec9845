package tracing_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"devicebridge/bridge/graph"
	"devicebridge/bridge/tracing"
	"devicebridge/events"
)

const (
	recordSpan   = "00f067aa0ba902b7"
	recordParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-" + recordSpan + "-01"
	storeSpan    = "1111111111111111"
	storeParent  = "00-4bf92f3577b34da6a3ce929d0e0e4736-" + storeSpan + "-01"
)

func newTracer() (*tracing.Tracer, *tracetest.SpanRecorder) {
	recorder := tracetest.NewSpanRecorder()
	return tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)), events.Subjects{}, "test"), recorder
}

func only(t *testing.T, recorder *tracetest.SpanRecorder) sdktrace.ReadOnlySpan {
	t.Helper()
	ended := recorder.Ended()
	if len(ended) != 1 {
		t.Fatalf("%d spans have ended, want 1", len(ended))
	}
	return ended[0]
}

func value(s sdktrace.ReadOnlySpan, key string) string {
	for _, a := range s.Attributes() {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

func TestRedeliveryIsUnderTheRecordAndLinksItsMessage(t *testing.T) {
	for name, test := range map[string]struct {
		record, header, under string
		links                 int
	}{
		"as ever":                          {recordParent, storeParent, recordSpan, 1},
		"stored before traces were on":     {recordParent, recordParent, recordSpan, 1},
		"asked for without a trace":        {"", storeParent, storeSpan, 1},
		"nothing is known":                 {"", "", "0000000000000000", 0},
		"a record that was tampered with":  {"00-x", storeParent, storeSpan, 1},
		"a message that was tampered with": {recordParent, "zz", recordSpan, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, recorder := newTracer()
			_, end := tracer.Dispatch(t.Context(), map[string][]string{"Traceparent": {test.header}}, events.Command{ID: "c", Sequence: 1, TraceParent: test.record}, 2)
			end()
			s := only(t, recorder)
			if s.Parent().SpanID().String() != test.under || len(s.Links()) != test.links || value(s, "devicebridge.delivery.count") != "2" {
				t.Errorf("the delivery is under %s with %d links: %v", s.Parent().SpanID(), len(s.Links()), s.Attributes())
			}
		})
	}
}

func TestErrorsOfARequest(t *testing.T) {
	for _, test := range []struct {
		err    error
		kind   string
		status codes.Code
	}{
		{nil, "", codes.Unset},
		{events.Invalid("deviceId", "secret text"), "invalid", codes.Unset},
		{events.NotFound("secret text"), "notFound", codes.Unset},
		{events.Unavailable("secret text"), "unavailable", codes.Error},
		{errors.New("secret text"), "internal", codes.Error},
	} {
		tracer, recorder := newTracer()
		_, _, end := tracer.Request(t.Context(), "commands.get", nil)
		end(nil, test.err)
		if s := only(t, recorder); value(s, "error.type") != test.kind || s.Status() != (sdktrace.Status{Code: test.status}) || len(s.Events()) != 0 {
			t.Errorf("%v is told as %q, %v", test.err, value(s, "error.type"), s.Status())
		}
	}
}

func TestLostAppendIsNoFailure(t *testing.T) {
	tracer, recorder := newTracer()
	_, end := tracer.Store(t.Context(), "completed", events.Command{ID: "c", TraceParent: recordParent})
	end(events.ErrLost)
	if s := only(t, recorder); value(s, "error.type") != "lost" || s.Status().Code != codes.Unset || s.Parent().SpanID().String() != recordSpan {
		t.Errorf("the append is told as %v, %v", s.Attributes(), s.Status())
	}
}

func TestNoRecordNoSpan(t *testing.T) {
	tracer, recorder := newTracer()
	_, ended := tracer.Postback(t.Context(), http.Header{"Traceparent": {storeParent}})
	ended(404)
	ctx, timed := tracer.Timer(t.Context(), nil, 1)
	timed()
	if n := len(recorder.Started()); n != 0 {
		t.Errorf("%d spans of commands that have no record", n)
	}
	if plain := tracer.Resume(t.Context(), events.Command{TraceParent: recordParent}); plain != t.Context() {
		t.Error("a step that announced nothing was begun")
	}
	if trace.SpanContextFromContext(ctx).IsValid() {
		t.Error("an announced span is there before its record")
	}
}

func TestResumeBeginsOneSpan(t *testing.T) {
	tracer, recorder := newTracer()
	ctx, end := tracer.Postback(t.Context(), http.Header{"Traceparent": {storeParent}})
	c := events.Command{ID: "c", TraceParent: recordParent}
	first, second := tracer.Resume(ctx, c), tracer.Resume(ctx, c)
	if trace.SpanContextFromContext(first).SpanID() != trace.SpanContextFromContext(second).SpanID() {
		t.Error("two observations of one postback have two spans")
	}
	end(503)
	s := only(t, recorder)
	if s.Parent().SpanID().String() != recordSpan || len(s.Links()) != 1 || value(s, "http.response.status_code") != "503" || s.Status().Code != codes.Error {
		t.Errorf("the postback is under %s: %v, %v", s.Parent().SpanID(), s.Attributes(), s.Status())
	}
}

func TestExchange(t *testing.T) {
	for _, test := range []struct {
		in     graph.Incoming
		kind   string
		status codes.Code
	}{
		{graph.Incoming{StatusCode: 201, RequestID: "r"}, "", codes.Unset},
		{graph.Incoming{StatusCode: 429}, "429", codes.Error},
		{graph.Incoming{Failure: "timeout"}, "timeout", codes.Error},
	} {
		tracer, recorder := newTracer()
		_, end := tracer.Exchange(t.Context(), graph.Outgoing{Method: "GET", Route: "/me/devices", Host: "graph", Port: 8443, ClientRequestID: "i", Resend: 1})
		end(test.in)
		s := only(t, recorder)
		if s.Name() != "GET /me/devices" || value(s, "error.type") != test.kind || s.Status().Code != test.status ||
			value(s, "server.port") != "8443" || value(s, "http.request.resend_count") != "1" {
			t.Errorf("%+v is told as %s: %v, %v", test.in, s.Name(), s.Attributes(), s.Status())
		}
	}
}

func TestNilTracesNothing(t *testing.T) {
	var tracer *tracing.Tracer
	ctx, header := t.Context(), map[string][]string{"Traceparent": {"whatever it is"}}
	same := func(got context.Context) {
		t.Helper()
		if got != ctx {
			t.Error("the context is another")
		}
	}
	got, seen, end := tracer.Request(ctx, "commands.send", header)
	end(nil, errors.New("any"))
	same(got)
	got, queued, done := tracer.Queued(ctx, header, 1)
	done()
	same(got)
	tracer.Inject(ctx, header)
	if seen["Traceparent"][0] != "whatever it is" || queued["Traceparent"][0] != "whatever it is" || len(header) != 1 {
		t.Errorf("the headers are %v, %v, %v", seen, queued, header)
	}
	got, done = tracer.Dispatch(ctx, header, events.Command{}, 1)
	done()
	same(got)
	got, done = tracer.Timer(ctx, header, 1)
	done()
	same(got)
	got, done = tracer.Step(ctx, "poll")
	done()
	same(got)
	got, stored := tracer.Store(ctx, "accepted", events.Command{})
	stored(nil)
	same(got)
	got, answered := tracer.Postback(ctx, http.Header{})
	answered(202)
	same(got)
	got, came := tracer.Exchange(ctx, graph.Outgoing{})
	came(graph.Incoming{})
	same(got)
	same(tracer.Resume(ctx, events.Command{}))
}
