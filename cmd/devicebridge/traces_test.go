package main

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
	"devicebridge/webhook"
)

func TestOneTraceFromTheRequestToTheEnd(t *testing.T) {
	r, spans := tracedRig(t, rigOptions{})
	var receipt events.Receipt
	answer := r.ask("commands.send", nats.Header{"Traceparent": {callerParent}, "Tracestate": {callerState}}, launchURI("traced"))
	if err := json.Unmarshal(answer.Data, &receipt); err != nil {
		t.Fatal(err)
	}
	id := receipt.Command.ID
	list := r.wantTimeline(id, "accepted sending requesting sentToTarget executing completed")
	trace1 := spans.await(callerTrace, func(s tracetest.SpanStubs) bool {
		return countStored(s) == 6 && countSpans(s, spanPostback) >= 3 && countSpans(s, spanDispatch) == 1
	})

	send := one(t, trace1, spanSend)
	if send.Parent.SpanID().String() != callerSpan || send.SpanKind != trace.SpanKindServer || attr(send, "devicebridge.command.id") != id {
		t.Errorf("the request is %s under %s: %v", send.SpanKind, send.Parent.SpanID(), send.Attributes)
	}
	own := send.SpanContext.SpanID()
	stores := map[string]tracetest.SpanStub{} // by event id
	for _, s := range trace1 {
		if s.Name == spanStore && attr(s, "error.type") == "" {
			stores[attr(s, "messaging.message.id")] = s
		}
	}
	dispatch, attempt, post := one(t, trace1, spanDispatch), one(t, trace1, "attempt"), one(t, trace1, spanPost)
	if dispatch.Parent.SpanID() != own || !slices.Equal(links(dispatch), []string{stores[id+".1"].SpanContext.SpanID().String()}) {
		t.Errorf("the dispatch is under %s with links to %v", dispatch.Parent.SpanID(), links(dispatch))
	}
	if attempt.Parent.SpanID() != dispatch.SpanContext.SpanID() || post.Parent.SpanID() != attempt.SpanContext.SpanID() {
		t.Errorf("the POST is not below the attempt, or that not below the dispatch:\n%s", names(trace1))
	}
	if attr(post, "http.response.status_code") != "200" && attr(post, "http.response.status_code") != "201" ||
		attr(post, "url.template") != "/me/devices/{id}/commands" || attr(post, "http.request.method") != "POST" ||
		attr(post, "server.address") != "127.0.0.1" || attr(post, "http.request.header.client-request-id") == "" ||
		post.SpanKind != trace.SpanKindClient {
		t.Errorf("the POST is told as %v", post.Attributes)
	}
	parents := map[trace.SpanID]bool{}
	for _, s := range trace1 {
		if s.Name == spanPostback {
			parents[s.SpanContext.SpanID()] = true
			if s.Parent.SpanID() != own || s.SpanKind != trace.SpanKindServer || len(s.Links) != 0 || attr(s, "http.response.status_code") != "202" {
				t.Errorf("a postback is %s under %s: %v", s.SpanKind, s.Parent.SpanID(), s.Attributes)
			}
		}
	}
	for n, want := range []trace.SpanID{own, attempt.SpanContext.SpanID(), attempt.SpanContext.SpanID()} {
		if s := stores[list[n].Command.EventID()]; s.Parent.SpanID() != want || s.SpanKind != trace.SpanKindProducer {
			t.Errorf("event %d is stored under %s, want %s", n+1, s.Parent.SpanID(), want)
		}
	}
	for n := 3; n < 6; n++ {
		if s := stores[list[n].Command.EventID()]; !parents[s.Parent.SpanID()] {
			t.Errorf("event %d is not stored by a postback:\n%s", n+1, names(trace1))
		}
	}
	for n, msg := range r.wire(id) {
		store := stores[list[n].Command.EventID()].SpanContext
		want := "00-" + callerTrace + "-" + store.SpanID().String() + "-01"
		if got := msg.Headers()["traceparent"]; !slices.Equal(got, []string{want}) || !slices.Equal(msg.Headers()["tracestate"], []string{callerState}) {
			t.Errorf("event %d has %v and %v, want %s", n+1, got, msg.Headers()["tracestate"], want)
		}
		if kept := list[n].Command; kept.TraceParent != "00-"+callerTrace+"-"+own.String()+"-01" || kept.TraceState != callerState {
			t.Errorf("the record of event %d keeps %q and %q", n+1, kept.TraceParent, kept.TraceState)
		}
	}
}

func TestQueuedRequestIsTraced(t *testing.T) {
	r, spans := tracedRig(t, rigOptions{})
	body, err := json.Marshal(launchURI("queued-traced"))
	if err != nil {
		t.Fatal(err)
	}
	js, err := r.connect().JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.PublishMsg(&nats.Msg{
		Subject: r.client.Subjects().Intake(), Header: nats.Header{"traceparent": {callerParent}}, Data: body,
	}); err != nil {
		t.Fatal(err)
	}
	r.wantTimeline(events.RequestCommandID("queued-traced"), "accepted sending requesting sentToTarget executing completed")
	list := spans.await(callerTrace, func(s tracetest.SpanStubs) bool {
		return countSpans(s, spanPostback) >= 3 && countSpans(s, spanIntake) == 1
	})
	intake := one(t, list, spanIntake)
	if intake.Parent.SpanID().String() != callerSpan || !slices.Equal(links(intake), []string{callerSpan}) || intake.SpanKind != trace.SpanKindConsumer {
		t.Errorf("the intake is %s under %s with links to %v", intake.SpanKind, intake.Parent.SpanID(), links(intake))
	}
	if dispatch := one(t, list, spanDispatch); dispatch.Parent.SpanID() != intake.SpanContext.SpanID() {
		t.Errorf("the dispatch is under %s, want the intake", dispatch.Parent.SpanID())
	}
}

func TestPollIsInTheTraceOfItsCommand(t *testing.T) {
	r, spans := tracedRig(t, rigOptions{vars: map[string]string{"BRIDGE_POLL_FIRST": "100ms", "BRIDGE_POLL_MAX": "200ms"}})
	r.ask("commands.send", nats.Header{"traceparent": {callerParent}}, launchURI("polled-traced"))
	list := spans.await(callerTrace, func(s tracetest.SpanStubs) bool {
		return slices.ContainsFunc(s, func(timer tracetest.SpanStub) bool {
			return timer.Name == spanTimer && slices.ContainsFunc(s, func(poll tracetest.SpanStub) bool {
				return poll.Name == "poll" && poll.Parent.SpanID() == timer.SpanContext.SpanID()
			})
		})
	})
	send := one(t, list, spanSend)
	ids := map[string]bool{}
	for _, s := range spans.all() {
		ids[s.SpanContext.SpanID().String()] = true
	}
	for _, s := range list {
		switch s.Name {
		case spanTimer:
			if s.Parent.SpanID() != send.SpanContext.SpanID() {
				t.Errorf("a timer is under %s, want the request", s.Parent.SpanID())
			}
			if len(s.Links) != 1 {
				t.Errorf("a timer has links to %v, want the span that set it", links(s))
			}
		case spanGet:
			if !ids[s.Parent.SpanID().String()] || attr(s, "http.response.status_code") != "200" {
				t.Errorf("a GET is told as %v under %s", s.Attributes, s.Parent.SpanID())
			}
		}
	}
	if countSpans(list, spanGet) == 0 {
		t.Errorf("no GET is in the trace:\n%s", names(list))
	}
	r.drive(events.RequestCommandID("polled-traced"))
	r.toTheEnd(events.RequestCommandID("polled-traced"))
}

func TestAnotherTraceIsJoinedByLinks(t *testing.T) {
	r, spans := tracedRig(t, rigOptions{vars: map[string]string{"BRIDGE_DISPATCH": "paused"}})
	r.ask("commands.send", nats.Header{"traceparent": {callerParent}}, launchURI("linked-traces"))
	id := events.RequestCommandID("linked-traces")
	list := spans.await(callerTrace, func(s tracetest.SpanStubs) bool { return countSpans(s, spanSend) == 1 })
	first := one(t, list, spanSend)

	const repeatTrace, cancelTrace = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	r.ask("commands.send", nats.Header{"traceparent": {"00-" + repeatTrace + "-" + callerSpan + "-01"}}, launchURI("linked-traces"))
	repeat := one(t, spans.await(repeatTrace, func(s tracetest.SpanStubs) bool { return len(s) > 0 }), spanSend)
	if !slices.Equal(links(repeat), []string{first.SpanContext.SpanID().String()}) {
		t.Errorf("the repeat has links to %v, want the first request", links(repeat))
	}
	r.ask("commands.cancel", nats.Header{"traceparent": {"00-" + cancelTrace + "-" + callerSpan + "-01"}}, events.IDRequest{ID: id})
	cancel := one(t, spans.await(cancelTrace, func(s tracetest.SpanStubs) bool { return len(s) > 0 }), "devicebridge/commands.cancel")
	list = spans.await(callerTrace, func(s tracetest.SpanStubs) bool { return countStored(s) == 2 })
	for _, s := range list {
		if s.Name != spanStore || attr(s, "devicebridge.event.kind") != "canceled" {
			continue
		}
		if s.Parent.SpanID() != first.SpanContext.SpanID() || !slices.Equal(links(s), []string{cancel.SpanContext.SpanID().String()}) {
			t.Errorf("canceled is stored under %s with links to %v", s.Parent.SpanID(), links(s))
		}
	}
	if len(spans.within(cancelTrace)) != 1 {
		t.Errorf("the canceling trace has\n%s", names(spans.within(cancelTrace)))
	}
}

func TestTraceOfAPostbackIsLinked(t *testing.T) {
	r, spans := tracedRig(t, rigOptions{})
	r.ask("commands.send", nats.Header{"traceparent": {callerParent}}, launchURI("postback-linked"))
	id := events.RequestCommandID("postback-linked")
	r.until(id, func(e events.Stored) bool { return e.Command.GraphID != "" })
	const graphTrace, graphSpan = "cccccccccccccccccccccccccccccccc", "dddddddddddddddd"
	status := r.postTraced(r.callbackURL(0), "00-"+graphTrace+"-"+graphSpan+"-00", `{"status":"completed"}`)
	r.toTheEnd(id)
	postback := one(t, spans.await(callerTrace, func(s tracetest.SpanStubs) bool { return countSpans(s, spanPostback) == 1 }), spanPostback)
	if status != 202 || !slices.Equal(links(postback), []string{graphSpan}) || !postback.SpanContext.IsSampled() {
		t.Errorf("the postback was answered with %d and has links to %v", status, links(postback))
	}
	forged := strings.Replace(r.callbackURL(0), id, events.RequestCommandID("another"), 1)
	if status := r.postTraced(forged, callerParent, `{"status":"completed"}`); status != 404 {
		t.Errorf("a forged callback was answered with %d", status)
	}
	if got := spans.within(graphTrace); len(got) != 0 || countSpans(spans.all(), spanPostback) != 1 {
		t.Errorf("a stranger's postback made spans:\n%s", names(spans.all()))
	}
}

func TestSentAgainIsInTheSameTrace(t *testing.T) {
	r, spans := tracedRig(t, rigOptions{emulator: emulator.Options{
		Faults: emulator.Faults{Next: []emulator.Fault{{Kind: emulator.FaultThrottle, RetryAfter: 100 * time.Millisecond}}},
	}})
	r.ask("commands.send", nats.Header{"traceparent": {callerParent}}, launchURI("sent-again"))
	id := events.RequestCommandID("sent-again")
	r.wantTimeline(id, "accepted sending deferred sending requesting sentToTarget executing completed")
	list := spans.await(callerTrace, func(s tracetest.SpanStubs) bool { return countSpans(s, "attempt") == 2 && countSpans(s, spanTimer) > 0 })
	kinds := map[trace.SpanID]string{}
	for _, s := range list {
		kinds[s.SpanContext.SpanID()] = s.Name
	}
	var under, codes []string
	for _, s := range list {
		switch s.Name {
		case "attempt":
			under = append(under, kinds[s.Parent.SpanID()])
		case spanPost:
			codes = append(codes, attr(s, "http.response.status_code")+attr(s, "error.type"))
		}
	}
	if !slices.Equal(under, []string{spanDispatch, spanTimer}) {
		t.Errorf("the attempts are under %q, want the delivery and the timer", under)
	}
	if len(codes) != 2 || codes[0] != "429429" || !strings.HasPrefix(codes[1], "20") {
		t.Errorf("the POSTs are told as %q", codes)
	}
}

// TestRedeliveryIsInTheSameTrace: a request that cannot be taken while the stream is
// full comes again, and is traced each time.
func TestRedeliveryIsInTheSameTrace(t *testing.T) {
	r, spans := tracedRig(t, rigOptions{vars: map[string]string{
		"NATS_URL": cliNATS(t), "BRIDGE_CALLBACK_KEYS": webhook.NewKey(), "BRIDGE_STREAM_MAX_BYTES": "1048576", "BRIDGE_DISPATCH": "paused",
	}})
	large := launchURI("large")
	large.Payload = json.RawMessage(`{"uri":"https://example.com/","fill":"` + strings.Repeat("x", 890_000) + `"}`)
	r.mustSend(large)
	// What the bridge knows of the stream's fill may be a second old.
	for n := 0; r.ask("commands.send", nil, launchURI("fill-"+strconv.Itoa(n))).Header.Get("Nats-Service-Error-Code") != "503"; n++ {
		<-time.After(20 * time.Millisecond)
	}
	js, err := jetstream.New(r.connect())
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(launchURI("redelivered"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.PublishMsg(t.Context(), &nats.Msg{
		Subject: r.client.Subjects().Intake(), Header: nats.Header{"traceparent": {callerParent}}, Data: body,
	}); err != nil {
		t.Fatal(err)
	}
	spans.await(callerTrace, func(s tracetest.SpanStubs) bool { return countSpans(s, spanIntake) > 0 })
	stream, err := js.Stream(t.Context(), r.client.Subjects().EventStream())
	if err != nil {
		t.Fatal(err)
	}
	raised := stream.CachedInfo().Config
	raised.MaxBytes *= 16
	if _, err := js.UpdateStream(t.Context(), raised); err != nil {
		t.Fatal(err)
	}
	id := events.RequestCommandID("redelivered")
	r.until(id, func(events.Stored) bool { return true })
	list := spans.await(callerTrace, func(s tracetest.SpanStubs) bool { return countSpans(s, spanIntake) > 1 })
	var deliveries []string
	var last trace.SpanID
	for _, s := range list {
		if s.Name != spanIntake {
			continue
		}
		deliveries = append(deliveries, attr(s, "devicebridge.delivery.count"))
		if last = s.SpanContext.SpanID(); s.Parent.SpanID().String() != callerSpan {
			t.Errorf("delivery %d is under %s, want the caller", len(deliveries), s.Parent.SpanID())
		}
	}
	if len(deliveries) < 2 || deliveries[0] != "1" || deliveries[1] != "2" || one(t, list, spanStore).Parent.SpanID() != last {
		t.Errorf("the deliveries are %q; the event is stored under %s:\n%s", deliveries, one(t, list, spanStore).Parent.SpanID(), names(list))
	}
}

// countStored counts the appends that were stored. A postback may lose a race to the
// dispatch, or to another, and append again.
func countStored(list tracetest.SpanStubs) (n int) {
	for _, s := range list {
		if s.Name == spanStore && attr(s, "error.type") == "" {
			n++
		}
	}
	return n
}
