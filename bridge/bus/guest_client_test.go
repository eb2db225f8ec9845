package bus_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestGuestConsumers: everything a subscriber needs works without credentials,
// with the common client library.
func TestGuestConsumers(t *testing.T) {
	b, server := start(t)
	for i := range 5 {
		appended(t, b, numbered(i), 2)
	}
	_, js := client(t, server.URL())
	ctx := within(t)
	stream, err := js.Stream(ctx, eventStream)
	if err != nil {
		t.Fatalf("stream info: %v", err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 10 {
		t.Errorf("%d events, want 10", n)
	}
	if msg, err := stream.GetMsg(ctx, 3); err != nil || msg.Sequence != 3 {
		t.Errorf("message get: %+v, %v", msg, err)
	}
	if msg, err := stream.GetLastMsgForSubject(ctx, b.Subjects().CommandFilter(numbered(4))); err != nil || msg.Sequence != 10 {
		t.Errorf("direct get: %+v, %v", msg, err)
	}

	tests := map[string]jetstream.ConsumerConfig{
		"ephemeral": {AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: b.Subjects().EventTree()},
		"durable":   {AckPolicy: jetstream.AckExplicitPolicy, Durable: "mine"},
	}
	for name, config := range tests {
		t.Run(name, func(t *testing.T) {
			consumer, err := stream.CreateConsumer(ctx, config)
			if err != nil {
				t.Fatal(err)
			}
			batch, err := consumer.Fetch(10, jetstream.FetchContext(ctx))
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for msg := range batch.Messages() {
				got++
				if err := msg.DoubleAck(ctx); err != nil {
					t.Errorf("acknowledge: %v", err)
				}
			}
			if got != 10 || batch.Error() != nil {
				t.Errorf("%d events, %v, want 10", got, batch.Error())
			}
			info, err := consumer.Info(ctx)
			if err != nil || info.NumAckPending != 0 || info.AckFloor.Stream != 10 {
				t.Errorf("after the acknowledgements: %+v, %v", info, err)
			}
			if err := stream.DeleteConsumer(ctx, info.Name); err != nil {
				t.Errorf("delete one's own consumer: %v", err)
			}
		})
	}
}

// TestGuestBus: the clients of the bridge's own commands work without
// credentials.
func TestGuestBus(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	serving(t, b)
	guest := connect(t, bus.Options{URL: server.URL()})
	appended(t, b, numbered(1), 3)

	var reply map[string]string
	if err := guest.Request(t.Context(), "commands.send", "hello", &reply, 0); err != nil || reply["got"] != `"hello"` {
		t.Errorf("request: %v, %v", reply, err)
	}
	err := guest.Request(t.Context(), "commands.get", "hello", &reply, 0)
	wantCode(t, err, events.CodeUnavailable)
	if seq, err := guest.Enqueue(t.Context(), events.Request{DeviceID: "device"}); err != nil || seq != 1 {
		t.Errorf("enqueue: %d, %v", seq, err)
	}
	if got, err := guest.Latest(t.Context(), numbered(1)); err != nil || got.Sequence != 3 {
		t.Errorf("latest: %+v, %v", got, err)
	}
	seen := 0
	err = guest.Follow(within(t), bus.FollowOptions{All: true, Latest: true}, func(events.Stored) error { seen++; return nil })
	if err != nil || seen != 3 {
		t.Errorf("follow: %d events, %v, want 3", seen, err)
	}
	hasty := connect(t, bus.Options{URL: server.URL(), Timeout: 100 * time.Millisecond})
	if _, err := hasty.Append(t.Context(), events.KindOf(events.StateAccepted), record(numbered(2), 1), 0); err == nil {
		t.Error("a guest may append")
	}
	_, err = b.Latest(t.Context(), numbered(2))
	wantCode(t, err, events.CodeNotFound)
}

// TestGuestListsServices is what `nats micro info devicebridge` does.
func TestGuestListsServices(t *testing.T) {
	b, server := start(t)
	serving(t, b)
	nc, _ := client(t, server.URL())
	subject, err := micro.ControlSubject(micro.InfoVerb, bus.ServiceName, "")
	if err != nil {
		t.Fatal(err)
	}
	info := infoOf(t, nc, subject)
	if info.Name != bus.ServiceName || info.Version != "1.2.3" || len(info.Endpoints) != 1 {
		t.Errorf("service info: %+v", info)
	}
}
