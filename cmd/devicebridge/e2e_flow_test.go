package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	natscloudevents "github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

const (
	launchTimeline  = "accepted sending requesting sentToTarget executing completed"
	serviceTimeline = launchTimeline + " response"
)

func TestLaunchURIFromNATSToGraphAndBack(t *testing.T) {
	r := startRig(t, rigOptions{})
	receipt := r.mustSend(launchURI("launch"))
	if want := events.RequestCommandID("launch"); receipt.Command.ID != want || receipt.Command.State != events.StateAccepted {
		t.Errorf("receipt names %s in state %s, want %s accepted", receipt.Command.ID, receipt.Command.State, want)
	}
	list := r.wantTimeline(receipt.Command.ID, launchTimeline)
	last := list[len(list)-1].Command
	if last.GraphID == "" || last.GraphStatus != "completed" || last.Payload != nil || last.Source != events.SourcePostback {
		t.Errorf("the last record is %+v", last)
	}
	var body struct {
		Type    string
		Payload struct{ URI string }
	}
	if err := json.Unmarshal(r.emulator.Commands()[0].Body, &body); err != nil {
		t.Fatal(err)
	}
	if body.Type != "LaunchUri" || body.Payload.URI != "https://example.com/?a=1&b=%3C2%3E" {
		t.Errorf("Graph was sent %+v", body)
	}
}

func TestAppServiceBringsItsResponsePayload(t *testing.T) {
	for name, o := range map[string]rigOptions{
		"fetched": {},
		"inline":  {emulator: emulator.Options{InlineResponse: true}},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRig(t, o)
			receipt := r.mustSend(appService("service"))
			want := serviceTimeline
			if name == "inline" {
				want = strings.Replace(launchTimeline, "completed", "response completed", 1)
			}
			r.wantTimeline(receipt.Command.ID, want)
			var reply events.CommandReply
			if err := r.client.Request(t.Context(), "commands.get", events.IDRequest{ID: receipt.Command.ID}, &reply, 0); err != nil {
				t.Fatal(err)
			}
			var payload map[string]any
			if err := json.Unmarshal(reply.Command.ResponsePayload, &payload); err != nil || payload["Type"] != "Ok" {
				t.Errorf("commands.get brings the payload %s (%v)", reply.Command.ResponsePayload, err)
			}
		})
	}
}

func TestEveryDeviceOfTheEmulatorReachesItsEnd(t *testing.T) {
	r := startRig(t, rigOptions{})
	want := map[events.State]bool{
		events.StateCompleted: true, events.StateCommandDropped: true, events.StateFailedToSend: true, events.StateExecutionFailed: true,
		events.StateExpired: true, events.StateError: true, events.StateCanceled: true,
	}
	for i, d := range emulator.DefaultDevices() {
		request := launchURI(fmt.Sprint("device-", i))
		request.DeviceID = d.ID
		id := r.mustSend(request).Command.ID
		if d.ID == device {
			r.drive(id)
		}
		list := r.toTheEnd(id)
		delete(want, list[len(list)-1].Command.State)
	}
	if len(want) > 0 {
		t.Errorf("no command ended in %v", want)
	}
}

func TestSubscribers(t *testing.T) {
	r := startRig(t, rigOptions{})
	nc := r.connect()
	completed := subscribe(t, nc, "devicebridge.v1.events.*.*.completed")
	launch, service := events.RequestCommandID("one"), events.RequestCommandID("two")
	single := subscribe(t, nc, "devicebridge.v1.events."+launch+".>")

	failing := launchURI("three")
	failing.DeviceID = "2c9e8f14-7a60-4d3b-b5e2-1d04c6a9f7b8"
	for _, request := range []events.Request{launchURI("one"), appService("two"), failing} {
		id := r.mustSend(request).Command.ID
		if request.DeviceID == device {
			r.drive(id)
		}
		r.toTheEnd(id)
	}
	var seen []string
	for range 2 {
		seen = append(seen, next(t, completed).Header.Get("ce-id"))
	}
	if want := []string{launch + ".6", service + ".6"}; seen[0] != want[0] || seen[1] != want[1] {
		t.Errorf("the subscriber of completed saw %v, want %v", seen, want)
	}
	for n := 1; n <= 6; n++ {
		if id, want := next(t, single).Header.Get("ce-id"), fmt.Sprintf("%s.%d", launch, n); id != want {
			t.Errorf("the subscriber of one command saw %s, want %s", id, want)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []*nats.Subscription{completed, single} {
		if n, _, err := sub.Pending(); n != 0 || err != nil {
			t.Errorf("%s: %d messages more than expected (%v)", sub.Subject, n, err)
		}
	}
}

func subscribe(t *testing.T, nc *nats.Conn, subject string) *nats.Subscription {
	t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func next(t *testing.T, sub *nats.Subscription) *nats.Msg {
	t.Helper()
	msg, err := sub.NextMsgWithContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestACloudEventsLibraryReadsEveryEvent(t *testing.T) {
	r := startRig(t, rigOptions{})
	odd := launchURI("odd")
	odd.DeviceID, odd.CorrelationID = "living-room.TV~2", "Auftrag für \"Müller\" 100%"
	id := r.mustSend(odd).Command.ID
	list := r.toTheEnd(id)

	js, err := jetstream.New(r.connect())
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.CreateConsumer(t.Context(), "DEVICEBRIDGE_V1_EVENTS", jetstream.ConsumerConfig{
		FilterSubject: "devicebridge.v1.events." + id + ".>", AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range list {
		msg, err := consumer.Next()
		if err != nil {
			t.Fatal(err)
		}
		event, err := binding.ToEvent(context.Background(), natscloudevents.NewMessage(&nats.Msg{Header: msg.Headers(), Data: msg.Data()}))
		if err != nil {
			t.Fatal(err)
		}
		if err := event.Validate(); err != nil {
			t.Errorf("event %d: %v", i+1, err)
		}
		var c events.Command
		if err := event.DataAs(&c); err != nil || c.State != want.Command.State {
			t.Errorf("event %d carries state %s (%v), want %s", i+1, c.State, err, want.Command.State)
		}
		if event.ID() != fmt.Sprintf("%s.%d", id, i+1) || event.Type() != "devicebridge.command."+string(want.Kind)+".v1" ||
			event.Source() != "urn:devicebridge:devicebridge.v1" || event.DataSchema() != events.CommandSchema {
			t.Errorf("event %d is %s", i+1, event)
		}
		if got := events.HeaderUnescape(event.Extensions()["correlationid"].(string)); got != odd.CorrelationID {
			t.Errorf("correlationid is %q", got)
		}
		if err := msg.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOneRequestIDThirtyTwoTimes(t *testing.T) {
	r := startRig(t, rigOptions{})
	receipts := make([]events.Receipt, 32)
	var senders sync.WaitGroup
	for i := range receipts {
		senders.Go(func() {
			var err error
			if receipts[i], err = r.send(launchURI("same")); err != nil {
				t.Errorf("request %d: %v", i, err)
			}
		})
	}
	senders.Wait()
	for i, receipt := range receipts {
		if receipt.Command.ID != events.RequestCommandID("same") {
			t.Errorf("receipt %d names %s", i, receipt.Command.ID)
		}
	}
	r.wantTimeline(events.RequestCommandID("same"), launchTimeline)
	if posts := len(r.emulator.Commands()); posts != 1 {
		t.Errorf("Graph saw %d POSTs, want 1", posts)
	}
	other := launchURI("same")
	other.Payload = json.RawMessage(`{"uri":"https://example.org/"}`)
	if _, err := r.send(other); !events.HasCode(err, events.CodeConflict) {
		t.Errorf("another body under the same id: %v, want a conflict", err)
	}
}

func TestIntakeStreamHasTheSameOutcome(t *testing.T) {
	r := startRig(t, rigOptions{})
	if _, err := r.client.Enqueue(t.Context(), launchURI("queued")); err != nil {
		t.Fatal(err)
	}
	r.wantTimeline(events.RequestCommandID("queued"), launchTimeline)
	// Without a request id the message itself names the command.
	sub := subscribe(t, r.connect(), "devicebridge.v1.events.*.*.requesting")
	if _, err := r.client.Enqueue(t.Context(), launchURI("")); err != nil {
		t.Fatal(err)
	}
	next(t, sub)
	if taken := r.taken(); taken != 2 {
		t.Errorf("Graph took %d commands, want 2", taken)
	}
}

// TestBadRequests holds the error reply against the rejected event: the same
// words either way.
func TestBadRequests(t *testing.T) {
	r := startRig(t, rigOptions{})
	nc := r.connect()
	rejected := subscribe(t, nc, "devicebridge.v1.events.*.*.rejected")
	long := strings.Repeat("x", 1020<<10)
	for _, test := range []struct {
		body, field string
		code        events.Code
	}{
		{`{"type":"launchUri","payload":{"uri":"https://a.example/"}}`, "deviceId", events.CodeInvalid},
		{`{"deviceId":"d","type":"reboot","payload":{}}`, "type", events.CodeInvalid},
		{`{"deviceId":"d","type":"appService","payload":{},"packageFamilyName":"p"}`, "appServiceName", events.CodeInvalid},
		{`{"deviceId":"d","type":"appService","payload":{},"appServiceName":"a"}`, "packageFamilyName", events.CodeInvalid},
		{`{"deviceId":"d","type":"launchUri","payload":{"uri":"https://a.example/"},"expiresIn":"-1s"}`, "expiresIn", events.CodeInvalid},
		{`{"deviceId":"d","type":"launchUri","payload":{"uri":"https://a.example/","x":"` + long[:1010<<10] + `"}}`, "payload", events.CodeTooLarge},
		{`{"deviceId":"d","typ":"launchUri"}`, "typ", events.CodeInvalid},
		{`not JSON`, "", events.CodeInvalid},
	} {
		_, err := r.send(json.RawMessage(test.body))
		if test.body == "not JSON" {
			err = rawRequest(t, nc, test.body)
		}
		refusal, ok := errors.AsType[*events.Error](err)
		if !ok || refusal.Code != test.code || refusal.Field != test.field {
			t.Errorf("%.80s: %v, want %s of %q", test.body, err, test.code, test.field)
			continue
		}
		if _, err := nc.Request("devicebridge.v1.intake.send", []byte(test.body), r.config.DrainTimeout); err != nil {
			t.Fatal(err)
		}
		msg := next(t, rejected)
		_, c, err := events.Decode(msg.Header, msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		if c.Error == nil || *c.Error != *refusal {
			t.Errorf("%.80s: the rejected event says %v, the reply %v", test.body, c.Error, refusal)
		}
	}
	if posts := len(r.emulator.Commands()); posts != 0 {
		t.Errorf("Graph saw %d POSTs of refused requests", posts)
	}
}

// rawRequest sends a body that is not JSON and gives the refusal.
func rawRequest(t *testing.T, nc *nats.Conn, body string) error {
	t.Helper()
	msg, err := nc.RequestWithContext(t.Context(), "devicebridge.v1.commands.send", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if code := msg.Header.Get("Nats-Service-Error-Code"); code != "400" || msg.Header.Get("Nats-Service-Error") == "" {
		t.Errorf("the refusal has the headers %v", msg.Header)
	}
	var reply events.ErrorReply
	if err := json.Unmarshal(msg.Data, &reply); err != nil || reply.Error == nil {
		t.Fatalf("the refusal is %s (%v)", msg.Data, err)
	}
	return reply.Error
}
