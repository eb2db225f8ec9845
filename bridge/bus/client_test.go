package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	asker := connect(t, bus.Options{Server: server, Timeout: patience})
	serve(t, b, bus.ServiceOptions{},
		bus.Endpoint{Name: "commands.get", Handle: func(_ context.Context, c bus.Call) (any, error) {
			var request events.IDRequest
			if err := json.Unmarshal(c.Data, &request); err != nil {
				return nil, err
			}
			if request.ID == "" {
				return nil, events.Invalid("id", "a command id is needed")
			}
			return events.CommandReply{Command: events.Command{ID: request.ID, CorrelationID: events.HeaderValue(c.Header, events.HeaderWait)}}, nil
		}},
		bus.Endpoint{Name: "commands.list", Handle: func(context.Context, bus.Call) (any, error) { return "no list", nil }},
		bus.Endpoint{Name: "commands.send", Handle: func(ctx context.Context, _ bus.Call) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})

	t.Run("an answer", func(t *testing.T) {
		var reply events.CommandReply
		err := asker.Request(within(t), "commands.get", events.IDRequest{ID: "x"}, &reply, 0)
		if err != nil || reply.Command.ID != "x" || reply.Command.CorrelationID != "" {
			t.Errorf("%+v, %v", reply, err)
		}
	})
	t.Run("with a wait", func(t *testing.T) {
		var reply events.CommandReply
		err := asker.Request(within(t), "commands.get", events.IDRequest{ID: "x"}, &reply, 90*time.Second)
		if err != nil || reply.Command.CorrelationID != "1m30s" {
			t.Errorf("%+v, %v", reply, err)
		}
	})
	t.Run("a refusal", func(t *testing.T) {
		err := asker.Request(within(t), "commands.get", events.IDRequest{}, &events.CommandReply{}, 0)
		refused, ok := errors.AsType[*events.Error](err)
		if !ok || refused.Code != events.CodeInvalid || refused.Field != "id" || refused.Message == "" {
			t.Errorf("%v", err)
		}
	})
	t.Run("another reply", func(t *testing.T) {
		err := asker.Request(within(t), "commands.list", events.ListRequest{}, &events.ListReply{}, 0)
		if err == nil || !strings.Contains(err.Error(), "commands.list") || !strings.Contains(err.Error(), "not as expected") {
			t.Errorf("%v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		err := asker.Request(within(t), "devices.list", nil, &events.DevicesReply{}, 0)
		wantCode(t, err, events.CodeUnavailable)
		for _, part := range []string{"devicebridge.v1.devices.list", "devicebridge serve", "prefix"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("the message does not say %q: %v", part, err)
			}
		}
	})
	t.Run("no answer", func(t *testing.T) {
		err := asker.Request(within(t), "commands.send", events.Request{}, &events.Receipt{}, 0)
		wantCode(t, err, events.CodeUnavailable)
		if err == nil || !strings.Contains(err.Error(), "same request id") {
			t.Errorf("the message does not say how to ask again: %v", err)
		}
	})
	t.Run("too large", func(t *testing.T) {
		err := asker.Request(within(t), "commands.send", strings.Repeat("x", asker.MaxPayload()), &events.Receipt{}, 0)
		wantCode(t, err, events.CodeTooLarge)
	})
	t.Run("nothing to ask with", func(t *testing.T) {
		if err := asker.Request(within(t), "commands.get", make(chan int), nil, 0); err == nil {
			t.Error("no error")
		}
	})
}

// TestRequestForeignError: an error of a service that is not the bridge still has
// words.
func TestRequestForeignError(t *testing.T) {
	b, server := start(t)
	nc, _ := insider(t, server)
	if _, err := nc.Subscribe("devicebridge.v1.commands.get", func(m *nats.Msg) {
		_ = m.RespondMsg(&nats.Msg{Data: []byte("oops"), Header: nats.Header{
			"Nats-Service-Error-Code": {"500"}, "Nats-Service-Error": {"out of order"},
		}})
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	err := b.Request(within(t), "commands.get", events.IDRequest{}, &events.CommandReply{}, 0)
	if err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("%v", err)
	}
}

func TestEnqueue(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	before := time.Now().Add(-time.Minute)
	for i := range 3 {
		if seq, err := b.Enqueue(within(t), events.Request{DeviceID: numbered(i)}); err != nil || seq != uint64(i+1) {
			t.Errorf("sequence %d, %v", seq, err)
		}
	}
	got := make(chan bus.Delivery, 10)
	consuming(t, b, b.IntakeWork(1, func(_ context.Context, d bus.Delivery) bus.Disposition {
		got <- d
		return bus.Done()
	}))
	for i := range 3 {
		d := receive(t, "request", got)
		var request events.Request
		if err := json.Unmarshal(d.Data, &request); err != nil || request.DeviceID != numbered(i) || d.Sequence != uint64(i+1) {
			t.Errorf("request %+v at %d, %v", request, d.Sequence, err)
		}
		if d.StreamCreated.Before(before) {
			t.Errorf("from a stream created at %s", d.StreamCreated)
		}
	}
	until(t, "an empty work queue", func() bool { return messages(t, js, intakeStream) == 0 })

	if err := js.DeleteStream(t.Context(), intakeStream); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Enqueue(within(t), events.Request{}); err == nil {
		t.Error("taken without a stream")
	}
}

func TestSubscribeCommand(t *testing.T) {
	b, _ := start(t)
	appended(t, b, numbered(1), 1)
	next, stop, err := b.SubscribeCommand(within(t), numbered(2))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	appended(t, b, numbered(2), 2)
	appended(t, b, numbered(3), 1)
	for i := range 2 {
		e, err := next(within(t))
		if err != nil || e.Command.EventID() != eventIDs(2, 2, 2)[i] {
			t.Errorf("event %s, %v", e.Command.EventID(), err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if e, err := next(over); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %+v, %v", e, err)
	}
	stop()
	if e, err := next(within(t)); err == nil {
		t.Errorf("after the stop: %+v", e)
	}
}
