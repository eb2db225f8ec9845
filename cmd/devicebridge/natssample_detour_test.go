package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestNATSSampleDetours: whoever answers publishes to the reply subject that the
// asker names, with rights of its own. Here an answer never comes out in the
// bridge's account.
func TestNATSSampleDetours(t *testing.T) {
	s := quietSample(t)
	_, js := s.as("subscriber")
	consumer, err := js.CreateOrUpdateConsumer(t.Context(), natsEvents, jetstream.ConsumerConfig{
		Durable: "reports", FilterSubject: "devicebridge.v1.events.>", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := consumer.Next()
	if err != nil {
		t.Fatal(err)
	}
	type question struct{ subject, body string }
	users := map[string][]question{
		"requester": {
			{"devicebridge.v1.commands.list", "{}"}, {"devicebridge.v1.commands.get", "{}"}, {"devicebridge.v1.commands.send", "{}"}, {"devicebridge.v1.intake.send", "{}"},
		},
		"subscriber": {
			{"$JS.API.INFO", ""}, {"$JS.API.STREAM.INFO." + natsEvents, ""}, {"$JS.API.CONSUMER.INFO." + natsEvents + ".reports", ""},
			{"$JS.API.CONSUMER.MSG.NEXT." + natsEvents + ".reports", `{"batch":1,"no_wait":true}`},
			{msg.Reply(), ""}, {msg.Reply(), `+NXT {"batch":1,"no_wait":true}`},
		},
		"operator": {
			{"$JS.API.STREAM.LIST", ""}, {"$JS.API.STREAM.INFO." + natsEvents, ""}, {"$JS.API.CONSUMER.DELETE." + natsEvents + ".nobody", ""},
			{"$SRV.PING", ""}, {"devicebridge.v1.signin.get", "{}"}, {"devicebridge.v1.commands.quarantine", "{}"}, {"devicebridge.v1.commands.erase", "{}"},
		},
	}
	before := s.holdings()
	for user, questions := range users {
		nc, _ := s.as(user)
		for _, q := range questions {
			for _, target := range harm() {
				if err := nc.PublishRequest(q.subject, target, []byte(q.body)); err != nil {
					t.Fatal(err)
				}
			}
			// Who answers has answered those before it.
			if _, err := nc.Request(q.subject, []byte(q.body), time.Minute); err != nil {
				t.Errorf("the control: %s asks %s: %v", user, q.subject, err)
			}
			if after := s.holdings(); after != before {
				t.Fatalf("answers to %s, asked by the %s, changed\n%s\nto\n%s", q.subject, user, before, after)
			}
		}
		// Nothing else was denied: it was asked, and answered elsewhere.
		if err := nc.LastError(); err != nil && !strings.Contains(err.Error(), "Reply of \"_R_.somebody\"") {
			t.Errorf("%s: %v", user, err)
		}
	}

	// A consumer that delivers where its maker says.
	for i, target := range harm() {
		config := jetstream.ConsumerConfig{
			Name: "reports", FilterSubject: "devicebridge.v1.events.>", DeliverSubject: target, AckPolicy: jetstream.AckNonePolicy, IdleHeartbeat: 100 * time.Millisecond,
		}
		_, err := js.CreateOrUpdatePushConsumer(t.Context(), natsEvents, config)
		if i == 0 && err == nil {
			t.Error("the server takes a consumer that delivers events as events")
		}
	}
	// Another consumer or stream in the body than in the subject.
	nc, _ := s.as("subscriber")
	for _, body := range []string{
		`{"stream_name":"` + natsEvents + `","config":{"name":"dispatch","durable_name":"dispatch","filter_subject":"devicebridge.v1.events.>","max_deliver":1}}`,
		`{"stream_name":"` + natsIntake + `","config":{"name":"reports","ack_policy":"explicit","filter_subject":"devicebridge.v1.events.>"}}`,
		`{"stream_name":"` + natsInventory + `","config":{"name":"reports","ack_policy":"explicit","filter_subject":"devicebridge.v1.append.inventory.cursor"}}`,
	} {
		answer, err := nc.Request("$JS.API.CONSUMER.CREATE."+natsEvents+".reports.devicebridge.v1.events.>", []byte(body), time.Minute)
		if err != nil || !strings.Contains(string(answer.Data), `"error"`) {
			t.Errorf("%s is taken: %+v, %v", body, answer, err)
		}
	}
	if after := s.holdings(); after != before {
		t.Errorf("consumers changed\n%s\nto\n%s", before, after)
	}
}

// TestNATSSampleOneAccount is the control of the detours: with the rights of the
// bridge's account the same does harm.
func TestNATSSampleOneAccount(t *testing.T) {
	s := quietSample(t)
	nc, _ := s.as("bridge")
	before := s.holdings()
	if err := nc.PublishRequest("$JS.API.STREAM.INFO."+natsEvents, harm()[0], nil); err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushTimeout(time.Minute); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); s.holdings() == before; {
		if time.Now().After(end) {
			t.Fatal("the answer did not become an event")
		}
	}
}

// TestNATSSampleOperator: the operator looks at streams and deletes a consumer that
// somebody forgot, but none of the bridge's; another user takes backups.
func TestNATSSampleOperator(t *testing.T) {
	s := quietSample(t)
	_, theirs := s.as("subscriber")
	if _, err := theirs.CreateOrUpdateConsumer(t.Context(), natsEvents, jetstream.ConsumerConfig{
		Durable: "reports", FilterSubject: "devicebridge.v1.events.>", AckPolicy: jetstream.AckExplicitPolicy,
	}); err != nil {
		t.Fatal(err)
	}
	_, js := s.as("operator")
	var names []string
	list := js.StreamNames(t.Context())
	for name := range list.Name() {
		names = append(names, name)
	}
	if len(names) != 6 || list.Err() != nil {
		t.Errorf("streams %q, %v", names, list.Err())
	}
	nc, _ := s.as("backup", nats.CustomInboxPrefix("_INBOX_BACKUP"))
	for _, stream := range []string{natsEvents, natsIntake, natsInventory, natsObjects} {
		if size := s.backup(nc, stream); size == 0 {
			t.Errorf("the backup of %s is empty", stream)
		}
	}
	if err := js.DeleteConsumer(t.Context(), natsEvents, "reports"); err != nil {
		t.Errorf("delete a consumer: %v", err)
	}
	if _, err := theirs.Consumer(t.Context(), natsEvents, "reports"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("the deleted consumer: %v", err)
	}
	for _, own := range []string{natsIntake + ".intake", natsTimers + ".timers", natsEvents + ".dispatch"} {
		if s.mayPublish("operator", "$JS.API.CONSUMER.DELETE."+own) {
			t.Errorf("the operator may delete %s", own)
		}
	}
}

// backup takes a stream's snapshot as `nats stream backup` does, and gives its
// size.
func (s *natsSample) backup(nc *nats.Conn, stream string) (size int) {
	s.t.Helper()
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := nc.Request("$JS.API.STREAM.SNAPSHOT."+stream, fmt.Appendf(nil, `{"deliver_subject":%q}`, sub.Subject), time.Minute)
	if err != nil {
		s.t.Fatal(err)
	}
	var taken struct {
		Error  any
		Config struct{ Name string }
	}
	if err := json.Unmarshal(answer.Data, &taken); err != nil || taken.Error != nil || taken.Config.Name != stream {
		s.t.Fatalf("snapshot of %s: %s, %v", stream, answer.Data, err)
	}
	for {
		chunk, err := sub.NextMsg(time.Minute)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(chunk.Data) == 0 {
			if status := chunk.Header.Get("Status"); status != "" && status != "204" {
				s.t.Errorf("snapshot of %s ended with %v", stream, chunk.Header)
			}
			return size
		}
		size += len(chunk.Data)
		if chunk.Reply == "" {
			continue // the last of them
		}
		if err := chunk.Respond(nil); err != nil {
			s.t.Fatal(err)
		}
	}
}
