package bus_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// Permissions bind the subject on which a client publishes, not the reply
// subject it names: whoever answers publishes there with rights of its own. These
// tests try to have the server, or the bridge, do what a guest may not.

// question is something that a guest may publish and that is answered.
type question struct {
	name, subject, body string
}

// questions come with all bodies an answer can have: JSON, an event, a status
// message without a body. acknowledgement is the reply subject of a message that
// the guest has in hand.
func questions(acknowledgement string) []question {
	return []question{
		{"stream info", "$JS.API.STREAM.INFO." + eventStream, ""},
		{"stream list", "$JS.API.STREAM.LIST", ""},
		{"message get", "$JS.API.STREAM.MSG.GET." + eventStream, `{"seq":1}`},
		{"direct get", "$JS.API.DIRECT.GET." + eventStream, `{"seq":1}`},
		{"direct get of nothing", "$JS.API.DIRECT.GET." + eventStream, `{"seq":4711}`},
		{"pull", "$JS.API.CONSUMER.MSG.NEXT." + eventStream + ".guest", `{"batch":1,"no_wait":true}`},
		{"pull of nothing", "$JS.API.CONSUMER.MSG.NEXT." + eventStream + ".drained", `{"batch":1,"no_wait":true}`},
		{"another consumer", "$JS.API.CONSUMER.CREATE." + eventStream + ".another", `{"stream_name":"` + eventStream + `","config":{"name":"another","ack_policy":"explicit"}}`},
		{"a consumer that is refused", "$JS.API.CONSUMER.DURABLE.CREATE." + eventStream + ".refused", `{}`},
		{"acknowledgement", acknowledgement, ""},
		{"acknowledgement for the next", acknowledgement, `+NXT {"batch":1,"no_wait":true}`},
		{"bridge request", "devicebridge.v1.commands.send", "{}"},
		{"service ping", "$SRV.PING", ""},
		{"intake", "devicebridge.v1.intake.send", "{}"},
	}
}

// targets are where an answer would do harm.
func targets(s events.Subjects) []string {
	return []string{
		s.Append(numbered(9), "device", events.KindOf(events.StateCompleted)),
		s.TimerAt(numbered(9)), s.TimerDue(numbered(9)),
		"$JS.API.STREAM.DELETE." + eventStream, "$JS.API.STREAM.DELETE." + intakeStream, "$JS.API.STREAM.PURGE." + eventStream,
		"$JS.API.CONSUMER.DELETE." + eventStream + ".dispatch", "$JS.API.CONSUMER.DELETE." + intakeStream + ".intake",
		"$JS.API.CONSUMER.MSG.NEXT." + eventStream + ".dispatch",
		"$JS.ACK." + eventStream + ".dispatch.1.1.1.1.0", "$JS.GUESTS.CONSUMER.CREATE." + eventStream + ".dispatch",
		chunkTarget, "$O." + responseBucket + ".M.bmFtZQ==",
		"$JS.API.STREAM.DELETE." + responseStream, "$JS.API.STREAM.PURGE." + responseStream,
	}
}

// chunkTarget is where a chunk of a response payload is stored.
const chunkTarget = "$O." + responseBucket + ".C.id"

// standing is a bridge at work: a service, an event on its way to dispatch, and
// the consumers of a guest.
type standing struct {
	bus     *bus.Bus
	server  *bus.Server
	js      jetstream.JetStream // with the bridge's rights
	guest   *nats.Conn
	ackable string
}

func stand(t *testing.T) *standing {
	t.Helper()
	b, server := start(t)
	return standOn(t, b, server, server.URL())
}

// standOn is stand with a guest who signs in as opts say.
func standOn(t *testing.T, b *bus.Bus, server *bus.Server, url string, opts ...nats.Option) *standing {
	t.Helper()
	serving(t, b)
	_, js := insider(t, server)
	for i := range 20 {
		appended(t, b, numbered(i), 1)
	}
	if _, err := b.PutPayload(within(t), "payload", noise(1)); err != nil {
		t.Fatal(err)
	}
	for name, stream := range map[string]string{"dispatch": eventStream, "intake": intakeStream, "timers": timerStream} {
		config := jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour}
		if _, err := js.CreateConsumer(t.Context(), stream, config); err != nil {
			t.Fatal(err)
		}
	}
	nc, guestJS := client(t, url, opts...)
	var ackable string
	for name, policy := range map[string]jetstream.DeliverPolicy{"guest": jetstream.DeliverAllPolicy, "drained": jetstream.DeliverNewPolicy} {
		consumer, err := guestJS.CreateConsumer(t.Context(), eventStream, jetstream.ConsumerConfig{
			Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, DeliverPolicy: policy,
		})
		if err != nil {
			t.Fatal(err)
		}
		if name == "guest" {
			msg, err := consumer.Next(jetstream.FetchContext(within(t)))
			if err != nil {
				t.Fatal(err)
			}
			ackable = msg.Reply()
		}
	}
	return &standing{b, server, js, nc, ackable}
}

// state tells everything of the bridge that a guest must not change; the intake
// may get messages.
func (s *standing) state(t *testing.T) string {
	t.Helper()
	var state []any
	for _, own := range []struct{ stream, durable string }{{eventStream, "dispatch"}, {intakeStream, "intake"}, {timerStream, "timers"}} {
		stream, err := s.js.Stream(within(t), own.stream)
		if err != nil {
			return err.Error()
		}
		consumer, err := stream.Consumer(within(t), own.durable)
		if err != nil {
			return err.Error()
		}
		held, worked := *stream.CachedInfo(), *consumer.CachedInfo()
		held.TimeStamp, worked.TimeStamp = time.Time{}, time.Time{}
		held.State.Consumers = 0 // the guest has some
		if own.stream == intakeStream {
			held.State, worked.NumPending = jetstream.StreamState{}, 0
		}
		state = append(state, held, worked)
	}
	payloads, err := s.js.Stream(within(t), responseStream)
	if err != nil {
		return err.Error()
	}
	held := *payloads.CachedInfo()
	held.TimeStamp = time.Time{}
	text, err := json.MarshalIndent(append(state, held), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// answered asks q, and waits until the one who answers has done so: it asks a
// second time with a reply subject of its own.
func answered(t *testing.T, nc *nats.Conn, q question, reply string) {
	t.Helper()
	if err := nc.PublishRequest(q.subject, reply, []byte(q.body)); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.RequestWithContext(within(t), q.subject, []byte(q.body)); err != nil {
		t.Fatalf("%s: %v", q.name, err)
	}
}

func TestGuestReplySubjects(t *testing.T) { stand(t).detour(t) }

// detour tries every question with every target as its reply subject.
func (s *standing) detour(t *testing.T) {
	t.Helper()
	for _, q := range questions(s.ackable) {
		for _, target := range targets(s.bus.Subjects()) {
			before := s.state(t)
			answered(t, s.guest, q, target)
			if after := s.state(t); after != before {
				t.Fatalf("the answer to %s went to %s and changed\n%s\nto\n%s", q.name, target, before, after)
			}
		}
	}
}

// TestInsiderReplySubjects is the control of the test above: inside the bridge's
// own account the same does harm.
func TestInsiderReplySubjects(t *testing.T) {
	s := stand(t)
	nc, _ := insider(t, s.server)
	asked := make(map[string]question)
	for _, q := range questions(s.ackable) {
		asked[q.name] = q
	}
	answered(t, nc, asked["pull of nothing"], "$JS.API.STREAM.DELETE."+intakeStream)
	until(t, "the intake stream deleted", func() bool {
		_, err := s.js.Stream(within(t), intakeStream)
		return errors.Is(err, jetstream.ErrStreamNotFound)
	})
	for stream, target := range map[string]string{eventStream: targets(s.bus.Subjects())[0], responseStream: chunkTarget} {
		for _, name := range []string{"stream info", "direct get of nothing", "service ping"} {
			before := messages(t, s.js, stream)
			answered(t, nc, asked[name], target)
			until(t, "an answer to "+name+" in "+stream, func() bool { return messages(t, s.js, stream) > before })
		}
	}
	answered(t, nc, asked["stream list"], "$JS.API.STREAM.DELETE."+responseStream)
}

// TestGuestTricks are single requests that look harmless by their subject.
func TestGuestTricks(t *testing.T) {
	s := stand(t)
	appendSubject := targets(s.bus.Subjects())[0]
	tests := []struct {
		name string
		msg  nats.Msg
	}{
		{"another consumer in the body than in the subject", nats.Msg{
			Subject: "$JS.API.CONSUMER.CREATE." + eventStream + ".mine",
			Data:    []byte(`{"stream_name":"` + eventStream + `","config":{"name":"dispatch","durable_name":"dispatch","max_deliver":1}}`),
		}},
		{"the same in the durable form", nats.Msg{
			Subject: "$JS.API.CONSUMER.DURABLE.CREATE." + eventStream + ".mine",
			Data:    []byte(`{"stream_name":"` + eventStream + `","config":{"name":"dispatch","durable_name":"dispatch","max_deliver":1}}`),
		}},
		{"another stream in the body than in the subject", nats.Msg{
			Subject: "$JS.API.CONSUMER.CREATE." + eventStream + ".mine",
			Data:    []byte(`{"stream_name":"` + intakeStream + `","config":{"name":"mine","ack_policy":"explicit"}}`),
		}},
		{"a message trace as an event", nats.Msg{
			Subject: "$JS.API.STREAM.LIST", Header: nats.Header{"Nats-Trace-Dest": {appendSubject}},
		}},
		{"intake headers for the event stream", nats.Msg{
			Subject: "devicebridge.v1.intake.send", Header: nats.Header{"Nats-Expected-Stream": {eventStream}},
		}},
		{"a schedule by the intake", nats.Msg{
			Subject: "devicebridge.v1.intake.send",
			Header:  nats.Header{"Nats-Schedule": {"@at 2020-01-01T00:00:00Z"}, "Nats-Schedule-Target": {appendSubject}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := s.state(t)
			nc, _ := client(t, s.server.URL())
			if err := nc.PublishMsg(&tt.msg); err != nil {
				t.Fatal(err)
			}
			if err := nc.FlushWithContext(within(t)); err != nil {
				t.Fatal(err)
			}
			if !errors.Is(nc.LastError(), nats.ErrPermissionViolation) {
				// It is answered, so it has been done, whatever it does.
				if _, err := nc.RequestMsgWithContext(within(t), &tt.msg); err != nil {
					t.Fatal(err)
				}
			}
			if after := s.state(t); after != before {
				t.Errorf("it changed\n%s\nto\n%s", before, after)
			}
		})
	}
}
