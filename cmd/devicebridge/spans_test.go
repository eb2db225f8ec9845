package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// The caller's trace context in these tests.
const (
	callerTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	callerSpan   = "00f067aa0ba902b7"
	callerParent = "00-" + callerTrace + "-" + callerSpan + "-01"
	callerState  = "vendor=of-the-caller"
)

// tracedRig is a rig whose spans are kept in memory.
func tracedRig(t *testing.T, o rigOptions) (*rig, *spanLog) {
	t.Helper()
	l := &spanLog{t: t, exporter: tracetest.NewInMemoryExporter()}
	o.spans = sdktrace.NewSimpleSpanProcessor(l.exporter)
	return startRig(t, o), l
}

// spanLog is the spans that have ended.
type spanLog struct {
	t        *testing.T
	exporter *tracetest.InMemoryExporter
}

func (l *spanLog) all() tracetest.SpanStubs { return l.exporter.GetSpans() }

// within gives the spans of one trace.
func (l *spanLog) within(id string) tracetest.SpanStubs {
	return slices.DeleteFunc(l.all(), func(s tracetest.SpanStub) bool { return s.SpanContext.TraceID().String() != id })
}

// await gives the spans of a trace once ok holds of them: a span ends after what it
// did can be seen.
func (l *spanLog) await(id string, ok func(tracetest.SpanStubs) bool) tracetest.SpanStubs {
	l.t.Helper()
	deadline := time.After(time.Minute)
	for {
		list := l.within(id)
		if ok(list) {
			return list
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			l.t.Fatalf("the trace did not get there; its spans are:\n%s", names(list))
		}
	}
}

func names(list tracetest.SpanStubs) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(s.SpanKind.String() + " " + s.Name + " " + s.SpanContext.SpanID().String() + " under " + s.Parent.SpanID().String() + "\n")
	}
	return b.String()
}

// count gives how many spans have a name.
func countSpans(list tracetest.SpanStubs, name string) int {
	n := 0
	for _, s := range list {
		if s.Name == name {
			n++
		}
	}
	return n
}

// one gives the only span of a name.
func one(t *testing.T, list tracetest.SpanStubs, name string) tracetest.SpanStub {
	t.Helper()
	if n := countSpans(list, name); n != 1 {
		t.Fatalf("%d spans are named %q, want 1:\n%s", n, name, names(list))
	}
	return list[slices.IndexFunc(list, func(s tracetest.SpanStub) bool { return s.Name == name })]
}

func attr(s tracetest.SpanStub, key string) string {
	for _, a := range s.Attributes {
		if a.Key == attribute.Key(key) {
			return a.Value.String()
		}
	}
	return ""
}

func links(s tracetest.SpanStub) []string {
	var list []string
	for _, l := range s.Links {
		list = append(list, l.SpanContext.SpanID().String())
	}
	return list
}

// ask sends a request with headers of its own, as any client can.
func (r *rig) ask(endpoint string, header nats.Header, request any) *nats.Msg {
	r.t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := r.connect().RequestMsgWithContext(r.t.Context(), &nats.Msg{
		Subject: r.client.Subjects().Service(endpoint), Header: header, Data: body,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return answer
}

// postTraced sends a postback with a traceparent and gives the status of the answer.
func (r *rig) postTraced(url, traceparent, body string) int {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("traceparent", traceparent)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// wire gives the messages of a command's events as they are in the stream.
func (r *rig) wire(id string) []jetstream.Msg {
	r.t.Helper()
	js, err := jetstream.New(r.connect())
	if err != nil {
		r.t.Fatal(err)
	}
	subjects := r.client.Subjects()
	consumer, err := js.OrderedConsumer(r.t.Context(), subjects.EventStream(), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subjects.CommandFilter(id)},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	var list []jetstream.Msg
	for {
		msg, err := consumer.Next(jetstream.FetchMaxWait(30 * time.Second))
		if err != nil {
			r.t.Fatal(err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			r.t.Fatal(err)
		}
		if list = append(list, msg); meta.NumPending == 0 {
			return list
		}
	}
}

const (
	spanSend     = "devicebridge/commands.send"
	spanStore    = "send DEVICEBRIDGE_V1_EVENTS"
	spanDispatch = "process DEVICEBRIDGE_V1_EVENTS"
	spanIntake   = "process DEVICEBRIDGE_V1_INTAKE"
	spanTimer    = "process DEVICEBRIDGE_V1_TIMERS"
	spanPost     = "POST /me/devices/{id}/commands"
	spanGet      = "GET /me/devices/{id}/commands/{id}"
	spanPostback = "POST /postback/{command}/{token}"
)
