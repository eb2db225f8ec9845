package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// reserve is what the bridge keeps free in a message beside the record.
const reserve = 24 << 10

// padded gives a request whose every other member is as long as it may be, with
// n bytes in its payload.
func padded(requestID string, n int) []byte {
	return fmt.Appendf(nil, `{"requestId":"%s","correlationId":"%s","deviceId":"%s","type":"appService",`+
		`"appServiceName":"%s","packageFamilyName":"%s","payload":{"a":"%s"}}`,
		requestID+strings.Repeat("r", 250-len(requestID)), strings.Repeat("ü", 128), strings.Repeat("d", 256),
		strings.Repeat("n", 512), strings.Repeat("p", 512), strings.Repeat("x", n))
}

func traced() map[string][]string {
	return map[string][]string{"traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, "tracestate": {strings.Repeat("s", 512)}}
}

// onSizedBus gives a rig whose bridge knows the server's largest message.
func onSizedBus(t *testing.T) (r *rig, largest int) {
	t.Helper()
	b := start(t)
	largest = b.MaxPayload()
	return build(t, b, func(o *bridge.Options) { o.MaxMessage = largest }), largest
}

// fitting gives the number of payload bytes with which a record just fits.
func fitting(t *testing.T, r *rig, largest int) int {
	t.Helper()
	receipt, err := r.Send(t.Context(), traced(), padded("probe", 0))
	if err != nil {
		t.Fatal(err)
	}
	record, err := events.Marshal(receipt.Command)
	if err != nil {
		t.Fatal(err)
	}
	return largest - reserve - len(record)
}

func TestOneByteTooLarge(t *testing.T) {
	r, largest := onSizedBus(t)
	n := fitting(t, r, largest)
	_, err := r.Send(t.Context(), traced(), padded("a", n+1))
	wantError(t, err, events.CodeTooLarge, "payload", "payload is too large: the command's record would not fit a NATS message")
	if _, err := r.Send(t.Context(), traced(), padded("a", n)); err != nil {
		t.Errorf("what just fits is refused: %v", err)
	}
}

// TestWhatFitsCanLiveItsWholeLife takes the largest command that is accepted
// through the states in which it is largest, on a real server: first with its payload,
// then with errors as long as Graph's may be, in bytes that JSON writes as six.
func TestWhatFitsCanLiveItsWholeLife(t *testing.T) {
	r, largest := onSizedBus(t)
	worst := func(outcome graph.Outcome) error {
		return &graph.SendError{Outcome: outcome, Err: &graph.Error{
			StatusCode: 503, Code: strings.Repeat("\x01", 128), Message: strings.Repeat("\x01", 2048), RequestID: strings.Repeat("\x01", 128),
		}}
	}
	receipt, err := r.Send(t.Context(), traced(), padded("a", fitting(t, r, largest)))
	if err != nil {
		t.Fatal(err)
	}
	id := receipt.Command.ID
	r.graph.post = fails(worst(graph.NotTaken))
	if wait := r.Dispatch(t.Context(), r.latest(id), delivery(1)); wait != 0 {
		t.Fatalf("dispatch comes again after %v", wait)
	}
	deferred := r.latest(id).Command
	if deferred.State != events.StateDeferred || len(deferred.Error.Message) != 2048 || deferred.Payload != nil {
		t.Fatalf("state %s, error of %d bytes, payload %d bytes", deferred.State, len(deferred.Error.Message), len(deferred.Payload))
	}
	r.clock.pass(2 * time.Second)
	r.graph.post = fails(worst(graph.Unknown))
	if wait := r.Look(t.Context(), id, delivery(1)); wait != 0 {
		t.Fatalf("look comes again after %v", wait)
	}
	for i, status := range events.GraphStates() {
		body := fmt.Sprintf(`{"id":"%s","status":"%s","error":"%s","nr":%d}`, strings.Repeat("g", 1024), status, strings.Repeat("e", 2048), i)
		r.postback(id, body)
	}
	r.wantStory(id, "accepted sending deferred sending outcomeUnknown requesting sentToTarget executing retry custom cancel cancelling"+
		" completed conflict conflict conflict conflict conflict conflict")
	if _, err := r.Get(t.Context(), fmt.Appendf(nil, `{"id":"%s"}`, id)); err != nil {
		t.Error(err)
	}
}

// TestTheRefusalOfTheLargestFits stores the `rejected` event of a request in
// which all is as long as an event can repeat it.
func TestTheRefusalOfTheLargestFits(t *testing.T) {
	r, largest := onSizedBus(t)
	q := bridge.QueuedRequest{Header: traced(), Data: padded("a", largest-4096), StreamCreated: r.clock.Now(), Sequence: 1}
	if wait := r.Take(t.Context(), q); wait != 0 {
		t.Errorf("it comes again after %v", wait)
	}
	r.wantStory(events.IntakeCommandID(q.StreamCreated, 1), "rejected")
}

// TestTheServerHasTheLastWord finds a record too large that the bridge, told of
// larger messages than there are, let through.
func TestTheServerHasTheLastWord(t *testing.T) {
	b := start(t)
	r := build(t, b, func(o *bridge.Options) { o.MaxMessage = 2 * b.MaxPayload() })
	_, err := r.Send(t.Context(), nil, padded("a", b.MaxPayload()))
	wantCode(t, err, events.CodeTooLarge)
	if _, err := b.Latest(t.Context(), events.RequestCommandID("a"+strings.Repeat("r", 249))); !events.HasCode(err, events.CodeNotFound) {
		t.Errorf("a command was stored: %v", err)
	}
}
