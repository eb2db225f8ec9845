package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"devicebridge/events"
)

func TestWithoutTracesHeadersAreCarriedUnchanged(t *testing.T) {
	r := startRig(t, rigOptions{})
	r.ask("commands.send", nats.Header{"traceparent": {callerParent}, "tracestate": {callerState}}, launchURI("untraced"))
	r.ask("commands.send", nil, launchURI("untraced-alone"))
	id, alone := events.RequestCommandID("untraced"), events.RequestCommandID("untraced-alone")
	const want = "accepted sending requesting sentToTarget executing completed"
	for n, e := range r.wantTimeline(id, want) {
		header := r.wire(id)[n].Headers()
		if e.Command.TraceParent != callerParent || !slices.Equal(header["traceparent"], []string{callerParent}) ||
			!slices.Equal(header["tracestate"], []string{callerState}) {
			t.Errorf("event %d has %v, its record %q", n+1, header, e.Command.TraceParent)
		}
	}
	for n, e := range r.wantTimeline(alone, want) {
		if header := r.wire(alone)[n].Headers(); header["traceparent"] != nil || e.Command.TraceParent != "" {
			t.Errorf("event %d of an untraced request has %v", n+1, header)
		}
	}
}

func TestForgedTraceContextIsIgnored(t *testing.T) {
	r, spans := tracedRig(t, rigOptions{})
	for name, header := range map[string]nats.Header{
		"oversize":      {"traceparent": {callerParent + strings.Repeat("0", 4000)}},
		"more-members":  {"traceparent": {callerParent + "-" + strings.Repeat("0", 4000)}},
		"no-hex":        {"traceparent": {strings.Replace(callerParent, "4", "x", 1)}},
		"zeros":         {"traceparent": {"00-" + strings.Repeat("0", 32) + "-" + callerSpan + "-01"}},
		"version-ff":    {"traceparent": {"ff" + callerParent[2:]}},
		"a-list":        {"traceparent": {callerParent + "," + callerParent}},
		"state-alone":   {"tracestate": {callerState}},
		"a-long-state":  {"traceparent": {callerParent}, "tracestate": {"a=" + strings.Repeat("b", 200) + ",c=" + strings.Repeat("d", 400)}},
		"no-good-state": {"traceparent": {callerParent}, "tracestate": {"=,=,="}},
	} {
		t.Run(name, func(t *testing.T) {
			r.ask("commands.send", header, launchURI(name))
			id := events.RequestCommandID(name)
			first := r.until(id, func(events.Stored) bool { return true })[0].Command
			known := strings.HasSuffix(name, "-state")
			if first.TraceState != "" || len(first.TraceParent) != len(callerParent) || strings.Contains(first.TraceParent, callerTrace) != known {
				t.Errorf("the record keeps %q and %q", first.TraceParent, first.TraceState)
			}
			msg := r.wire(id)[0]
			if got := msg.Headers()["traceparent"]; len(got) != 1 || len(got[0]) != len(callerParent) || got[0][:35] != first.TraceParent[:35] || msg.Headers()["tracestate"] != nil {
				t.Errorf("the event has %v", msg.Headers())
			}
			own := first.TraceParent[3:35]
			spans.await(own, func(s tracetest.SpanStubs) bool { return countSpans(s, spanSend) > 0 })
		})
	}
}

func TestCallersDecisionNotToSampleHolds(t *testing.T) {
	r, spans := tracedRig(t, rigOptions{vars: map[string]string{"BRIDGE_POLL_FIRST": "100ms"}})
	r.ask("commands.send", nats.Header{"traceparent": {strings.TrimSuffix(callerParent, "1") + "0"}}, appService("unsampled"))
	id := events.RequestCommandID("unsampled")
	r.drive(id)
	list := r.toTheEnd(id)
	for n, msg := range r.wire(id) {
		if got := msg.Headers()["traceparent"]; len(got) != 1 || got[0][3:35] != callerTrace || !strings.HasSuffix(got[0], "-00") {
			t.Errorf("event %d (%s) has %v", n+1, list[n].Kind, got)
		}
	}
	if got := spans.within(callerTrace); len(got) != 0 {
		t.Errorf("spans were exported that the caller did not want:\n%s", names(got))
	}
}

// TestSpansHoldNoSecret looks through everything that is exported of commands that
// end well, badly and by a poll.
func TestSpansHoldNoSecret(t *testing.T) {
	r, spans := tracedRig(t, rigOptions{})
	secret := appService("traced-secret")
	secret.Payload = json.RawMessage(`{"Type":"Toast","Title":"payload-of-the-test"}`)
	secret.CorrelationID = "correlation-of-the-test"
	refused := launchURI("traced-refused")
	refused.DeviceID, refused.Payload = "device-that-graph-does-not-know", json.RawMessage(`{"uri":"https://example.com/uri-of-the-test"}`)
	r.mustSend(secret)
	id := events.RequestCommandID("traced-secret")
	r.until(id, func(e events.Stored) bool { return e.Command.GraphID != "" })
	callback := r.callbackURL(0)
	if status, _, _ := r.post(callback, `{"status":"completed","responsePayload":{"answer":"response-of-the-test"},"error":"error-of-the-test"}`); status != 202 {
		t.Fatalf("the postback is answered with %d", status)
	}
	graphID := r.toTheEnd(id)[len(r.wire(id))-1].Command.GraphID
	r.mustSend(refused)
	r.toTheEnd(events.RequestCommandID("traced-refused"))
	r.ask("devices.list", nil, events.DevicesRequest{Refresh: true})
	r.ask("commands.get", nil, events.IDRequest{ID: "no-id-of-a-command"})

	var postbacks int
	for _, s := range spans.all() {
		if s.Name == spanPostback {
			postbacks++
		}
	}
	text, err := json.Marshal(spans.all())
	if err != nil {
		t.Fatal(err)
	}
	if postbacks == 0 || !strings.Contains(string(text), id) || !strings.Contains(string(text), "GET /me/devices") {
		t.Fatalf("the spans are not those of the test:\n%s", names(spans.all()))
	}
	for _, word := range []string{
		"payload-of-the-test", "uri-of-the-test", "response-of-the-test", "error-of-the-test", "correlation-of-the-test",
		r.config.GraphToken, callback[strings.LastIndexByte(callback, '/')+1:], "traced-secret", device, "device-that-graph", graphID,
	} {
		if strings.Contains(string(text), word) {
			t.Errorf("a span holds %q", word)
		}
	}
}
