package bus_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
)

// TestGuestsDoNotHearEachOther: a guest hears the answers to its own requests and no
// others, whatever it subscribes to, also when it takes the place of one that left.
func TestGuestsDoNotHearEachOther(t *testing.T) {
	b, server := start(t)
	serving(t, b)
	appended(t, b, numbered(1), 1)
	var overheard []*nats.Subscription
	listen := func(nc *nats.Conn) {
		for _, subject := range []string{"_INBOX.>", "_INBOX.*", "_INBOX.*.*", ">", "*.>", "_R_.>", "_BRIDGE.>"} {
			sub, err := nc.SubscribeSync(subject)
			if err != nil {
				t.Fatal(err)
			}
			overheard = append(overheard, sub)
		}
		if err := nc.FlushWithContext(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	curious, _ := client(t, server.URL())
	listen(curious)
	ask := func(nc *nats.Conn, js jetstream.JetStream) {
		for _, subject := range []string{"devicebridge.v1.commands.send", "devicebridge.v1.intake.send", "$SRV.PING", "$JS.API.INFO", "$SYS.REQ.USER.INFO"} {
			if _, err := nc.RequestWithContext(within(t), subject, []byte("{}")); err != nil {
				t.Fatalf("%s: %v", subject, err)
			}
		}
		consumer, err := js.CreateConsumer(within(t), eventStream, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy})
		if err != nil {
			t.Fatal(err)
		}
		msg, err := consumer.Next(jetstream.FetchContext(within(t)))
		if err != nil {
			t.Fatal(err)
		}
		if err := msg.DoubleAck(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	nc, js := client(t, server.URL())
	ask(nc, js)
	nc.Close()
	for range 5 {
		next, js := client(t, server.URL())
		listen(next)
		other, _ := client(t, server.URL())
		ask(other, js)
		_, otherJS := client(t, server.URL())
		ask(other, otherJS)
		other.Close()
		next.Close()
	}
	for _, sub := range overheard[:7] {
		for msg := range waitingFor(t, sub) {
			t.Errorf("%s hears %s: %.80s", sub.Subject, msg.Subject, msg.Data)
		}
	}
}

// TestGuestConsumersAreBounded: when guests have made as many consumers as they may,
// they are told so, what they have goes on, and the bridge goes on as well, also after
// a restart.
func TestGuestConsumersAreBounded(t *testing.T) {
	b, server := start(t)
	for i := range 5 {
		appended(t, b, numbered(i), 2)
	}
	_, js := client(t, server.URL())
	made, tries := 0, 0
	var refused error
	for ; tries < 600 && refused == nil; tries++ {
		config := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, Durable: fmt.Sprint("mine-", tries)}
		if tries%2 == 1 {
			config.Durable, config.Name, config.InactiveThreshold = "", fmt.Sprint("mine-", tries), time.Hour
		}
		if _, refused = js.CreateConsumer(within(t), eventStream, config); refused == nil {
			made++
		}
	}
	api, is := errors.AsType[*jetstream.APIError](refused)
	if !is || api.ErrorCode != 10026 || made != 500 {
		t.Fatalf("after %d consumers: %v", made, refused)
	}
	works := func() {
		t.Helper()
		if ids, _ := pages(t, b, "", 10); len(ids) != 5 {
			t.Errorf("the bridge lists %d commands", len(ids))
		}
		if err := b.EachOpen(within(t), time.Time{}, func(string, time.Time, bool) error { return nil }); err != nil {
			t.Errorf("a sweep: %v", err)
		}
		// The one there is may be used, and changed.
		consumer, err := js.CreateOrUpdateConsumer(within(t), eventStream, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, Durable: "mine-0", Description: "used"})
		if err != nil {
			t.Fatalf("update: %v", err)
		}
		if _, err := consumer.FetchNoWait(1); err != nil {
			t.Error(err)
		}
	}
	works()
	if err := server.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	until(t, "the bridge connected again", func() bool { _, _, err := b.Newest(within(t), "", 0, 1); return err == nil })
	until(t, "connected again", func() bool { _, err := js.AccountInfo(within(t)); return err == nil })
	until(t, "an answer to who makes a consumer", func() bool {
		_, err := js.CreateConsumer(within(t), eventStream, jetstream.ConsumerConfig{Name: "one-more"})
		return errors.As(err, &api) && api.ErrorCode == 10026
	})
	works()
	for i := range 20 { // those with which the bridge read are still among them
		if err := js.DeleteConsumer(within(t), eventStream, fmt.Sprint("mine-", i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.CreateConsumer(within(t), eventStream, jetstream.ConsumerConfig{Name: "one-more"}); err != nil {
		t.Errorf("in the place of one that was deleted: %v", err)
	}
}

// TestGuestConsumersAge: a durable consumer of a guest is not kept for ever when nobody
// uses it, and none may hold without bound in the server's memory.
func TestGuestConsumersAge(t *testing.T) {
	_, server := start(t)
	nc, js := client(t, server.URL())
	week := 7 * 24 * time.Hour
	tests := map[string]struct {
		config    jetstream.ConsumerConfig
		threshold time.Duration
		pending   int
	}{
		"durable":             {jetstream.ConsumerConfig{Durable: "a"}, week, 1000},
		"durable, sooner":     {jetstream.ConsumerConfig{Durable: "b", InactiveThreshold: time.Minute}, time.Minute, 1000},
		"durable, later":      {jetstream.ConsumerConfig{Durable: "c", InactiveThreshold: 100 * week}, week, 1000},
		"ephemeral":           {jetstream.ConsumerConfig{}, 5 * time.Second, 1000},
		"ephemeral for ever":  {jetstream.ConsumerConfig{InactiveThreshold: 100 * week}, week, 1000},
		"no bound on pending": {jetstream.ConsumerConfig{MaxAckPending: -1}, 5 * time.Second, 65536},
		"a high one":          {jetstream.ConsumerConfig{MaxAckPending: 1 << 30, MaxWaiting: 1 << 30}, 5 * time.Second, 65536},
	}
	for name, tt := range tests {
		for _, stream := range []string{eventStream} {
			tt.config.AckPolicy = jetstream.AckExplicitPolicy
			consumer, err := js.CreateConsumer(within(t), stream, tt.config)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got := consumer.CachedInfo().Config
			if got.InactiveThreshold != tt.threshold || got.MaxAckPending != tt.pending || got.MaxWaiting > 4096 {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
	// What the gate reads, the API must not read otherwise.
	for name, body := range map[string]string{
		"direct":                `{"stream_name":"` + eventStream + `","config":{"name":"x","direct":true,"ack_policy":"none"}}`,
		"another case":          `{"stream_name":"` + eventStream + `","config":{"name":"x","DELIVER_SUBJECT":"my.own","ack_policy":"none"}}`,
		"twice":                 `{"stream_name":"` + eventStream + `","config":{"name":"x"},"config":{"name":"x","deliver_subject":"my.own"}}`,
		"no JSON":               `{`,
		"larger than it may be": `{"stream_name":"` + eventStream + `","config":{"name":"x","description":"` + strings.Repeat("x", 70_000) + `"}}`,
	} {
		reply, err := nc.RequestWithContext(within(t), "$JS.API.CONSUMER.CREATE."+eventStream+".x", []byte(body))
		if err != nil || !strings.Contains(string(reply.Data), `"error"`) {
			t.Errorf("%s: %s, %v", name, reply.Data, err)
		}
	}
	if _, err := js.Consumer(within(t), eventStream, "x"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("it was made: %v", err)
	}
}

// TestGuestsAreBounded: clients without credentials that hold as many connections as
// they may keep others out and not the bridge.
func TestGuestsAreBounded(t *testing.T) {
	b, server := start(t)
	var held []*nats.Conn
	for {
		nc, err := nats.Connect(server.URL())
		if err != nil {
			break
		}
		t.Cleanup(nc.Close)
		if held = append(held, nc); len(held) > 600 {
			t.Fatal("there is no bound")
		}
	}
	if len(held) != 500 {
		t.Errorf("%d connections", len(held))
	}
	appended(t, b, numbered(1), 1)
	connect(t, bus.Options{Server: server})
	held[7].Close()
	until(t, "a place for another", func() bool {
		nc, err := nats.Connect(server.URL())
		if err == nil {
			nc.Close()
		}
		return err == nil
	})
}
