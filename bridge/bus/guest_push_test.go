package bus_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cenats "github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// delivered waits for the ids of so many events.
func delivered(t *testing.T, sub *nats.Subscription, n int) {
	t.Helper()
	for i := range n {
		msg, err := sub.NextMsgWithContext(within(t))
		if err != nil {
			t.Fatalf("event %d: %v", i+1, err)
		}
		if !strings.HasPrefix(msg.Header.Get("ce-type"), "devicebridge.command.") {
			t.Fatalf("message %d is no event: %v", i+1, msg.Header)
		}
		if sub.Type() == nats.SyncSubscription && strings.HasPrefix(msg.Reply, "$JS.ACK.") {
			_ = msg.AckSync(nats.Context(within(t))) // consumers without acknowledgements answer nothing
		}
	}
}

// TestGuestPushDelivers: push consumers, as older client libraries and what is built
// on them make, deliver to guests in every form.
func TestGuestPushDelivers(t *testing.T) {
	b, server := start(t)
	for i := range 3 {
		appended(t, b, numbered(i), 3)
	}
	tree := b.Subjects().EventTree()
	bind := nats.BindStream(eventStream)
	tests := map[string]func(nats.JetStreamContext) (*nats.Subscription, error){
		"ephemeral": func(js nats.JetStreamContext) (*nats.Subscription, error) { return js.SubscribeSync(tree, bind) },
		"durable": func(js nats.JetStreamContext) (*nats.Subscription, error) {
			return js.SubscribeSync(tree, bind, nats.Durable("durable"))
		},
		"ordered": func(js nats.JetStreamContext) (*nats.Subscription, error) {
			return js.SubscribeSync(tree, bind, nats.OrderedConsumer())
		},
		"queue": func(js nats.JetStreamContext) (*nats.Subscription, error) {
			return js.QueueSubscribeSync(tree, "queue", bind)
		},
		"durable queue": func(js nats.JetStreamContext) (*nats.Subscription, error) {
			return js.QueueSubscribeSync(tree, "q2", bind, nats.Durable("q2"))
		},
		"headers": func(js nats.JetStreamContext) (*nats.Subscription, error) {
			return js.SubscribeSync(tree, bind, nats.HeadersOnly())
		},
		"flow control": func(js nats.JetStreamContext) (*nats.Subscription, error) {
			return js.SubscribeSync(tree, bind, nats.EnableFlowControl(), nats.IdleHeartbeat(time.Second))
		},
		"acknowledges all": func(js nats.JetStreamContext) (*nats.Subscription, error) {
			return js.SubscribeSync(tree, bind, nats.AckAll())
		},
		"acknowledges nothing": func(js nats.JetStreamContext) (*nats.Subscription, error) {
			return js.SubscribeSync(tree, bind, nats.AckNone())
		},
		"a subject of one's own": func(js nats.JetStreamContext) (*nats.Subscription, error) {
			return js.SubscribeSync(tree, bind, nats.DeliverSubject("_INBOX.mine.events"))
		},
	}
	for name, subscribe := range tests {
		t.Run(name, func(t *testing.T) {
			nc, _ := client(t, server.URL())
			js, err := nc.JetStream()
			if err != nil {
				t.Fatal(err)
			}
			sub, err := subscribe(js)
			if err != nil {
				t.Fatal(err)
			}
			delivered(t, sub, 9)
		})
	}
	t.Run("live, acknowledged", func(t *testing.T) {
		nc, guestJS := client(t, server.URL())
		js, err := nc.JetStream()
		if err != nil {
			t.Fatal(err)
		}
		sub, err := js.SubscribeSync(tree, bind, nats.Durable("live"), nats.DeliverNew())
		if err != nil {
			t.Fatal(err)
		}
		appended(t, b, numbered(200), 3)
		delivered(t, sub, 3)
		consumer, err := guestJS.PushConsumer(within(t), eventStream, "live")
		if err != nil {
			t.Fatal(err)
		}
		info, err := consumer.Info(within(t))
		if err != nil || info.NumAckPending != 0 || info.Delivered.Consumer != 3 {
			t.Errorf("after three acknowledgements: %+v, %v", info, err)
		}
	})
	t.Run("the new library", func(t *testing.T) {
		_, js := client(t, server.URL())
		for name, create := range map[string]func() (func(jetstream.MessageHandler) (jetstream.ConsumeContext, error), error){
			"push": func() (func(jetstream.MessageHandler) (jetstream.ConsumeContext, error), error) {
				c, err := js.CreatePushConsumer(within(t), eventStream, jetstream.ConsumerConfig{DeliverSubject: nats.NewInbox(), AckPolicy: jetstream.AckExplicitPolicy})
				return func(h jetstream.MessageHandler) (jetstream.ConsumeContext, error) { return c.Consume(h) }, err
			},
			"ordered": func() (func(jetstream.MessageHandler) (jetstream.ConsumeContext, error), error) {
				c, err := js.OrderedConsumer(within(t), eventStream, jetstream.OrderedConsumerConfig{})
				return func(h jetstream.MessageHandler) (jetstream.ConsumeContext, error) { return c.Consume(h) }, err
			},
		} {
			consume, err := create()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			nine := newCount(9)
			run, err := consume(func(jetstream.Msg) { nine.one() })
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			receive(t, name, nine.done)
			run.Stop()
		}
	})
}

// count tells when something has happened so often.
type count struct {
	left atomic.Int64
	done chan struct{}
}

func newCount(n int64) *count {
	c := &count{done: make(chan struct{})}
	c.left.Store(n)
	return c
}

func (c *count) one() {
	if c.left.Add(-1) == 0 {
		close(c.done)
	}
}

// TestGuestQueueIsShared: a queue of several guests is one, although each has an
// account to itself; of live events and of a push consumer.
func TestGuestQueueIsShared(t *testing.T) {
	b, server := start(t)
	tree := b.Subjects().EventTree()
	var live, pushed []*nats.Subscription
	for range 3 {
		nc, _ := client(t, server.URL())
		sub, err := nc.QueueSubscribeSync(tree, "workers")
		if err != nil {
			t.Fatal(err)
		}
		live = append(live, sub)
		js, err := nc.JetStream()
		if err != nil {
			t.Fatal(err)
		}
		if sub, err = js.QueueSubscribeSync(tree, "pushed", nats.BindStream(eventStream), nats.Durable("pushed"), nats.ManualAck()); err != nil {
			t.Fatal(err)
		}
		pushed = append(pushed, sub)
		if err := nc.FlushWithContext(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	const events = 60
	for i := range events {
		appended(t, b, numbered(i), 1)
	}
	for name, subs := range map[string][]*nats.Subscription{"live": live, "pushed": pushed} {
		got := func() []int {
			var each []int
			for _, sub := range subs {
				n, _, err := sub.Pending()
				if err != nil {
					t.Fatal(err)
				}
				each = append(each, n)
			}
			return each
		}
		sum := func() (n int) {
			for _, each := range got() {
				n += each
			}
			return n
		}
		until(t, name+": every event", func() bool { return sum() >= events })
		if n := sum(); n != events || slices.Max(got()) == events {
			t.Errorf("%s: %v of %d events", name, got(), events)
		}
	}
}

// TestGuestPushElsewhere: a consumer that would deliver where its maker cannot hear it,
// or where somebody else would take it for something else, is refused when it is made.
func TestGuestPushElsewhere(t *testing.T) {
	_, server := start(t)
	_, js := client(t, server.URL())
	for _, target := range []string{"my.events", "_INBOXES.mine", "_R_.answer", "_BRIDGE.inbox", "devicebridge.v1.commands.send", "$JS.API.STREAM.DELETE." + intakeStream} {
		for _, durable := range []string{"", "mine"} {
			_, err := js.CreatePushConsumer(within(t), eventStream, jetstream.ConsumerConfig{DeliverSubject: target, Durable: durable, AckPolicy: jetstream.AckExplicitPolicy})
			if err == nil || !strings.Contains(err.Error(), "deliver_subject is") || !strings.Contains(err.Error(), target) {
				t.Errorf("%s: %v", target, err)
			}
		}
	}
}

// TestPushInAccountsOfTheFile: in an account whose users may all follow every event
// push consumers deliver. In another they are refused when they are made, and nobody
// there hears what those of others deliver.
func TestPushInAccountsOfTheFile(t *testing.T) {
	b, _, url := withFile(t, "127.0.0.1:0", `accounts {
	FREE { users: [{user: free, password: secret}] }
	PART { users: [
		{user: part, password: secret, permissions: {subscribe: {allow: ["devicebridge.v1.events.>", "_INBOX.>"]}}}
		{user: boss, password: secret}
	] }
	DENIED { users: [{user: denied, password: secret, permissions: {subscribe: {deny: "devicebridge.v1.events.*.secret.>"}}}] }
}`)
	tree := b.Subjects().EventTree()
	appended(t, b, numbered(1), 3)
	var overheard []*nats.Subscription
	for _, user := range []string{"part", "boss", "denied"} {
		nc, _ := client(t, url, nats.UserInfo(user, "secret"))
		js, err := nc.JetStream()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.SubscribeSync(tree, nats.BindStream(eventStream)); err == nil || !strings.Contains(err.Error(), "use a pull consumer") {
			t.Errorf("%s: %v", user, err)
		}
		pull, err := js.PullSubscribe(tree, "pull-"+user, nats.BindStream(eventStream))
		if err != nil {
			t.Fatal(err)
		}
		if msgs, err := pull.Fetch(3, nats.Context(within(t))); err != nil || len(msgs) != 3 {
			t.Errorf("%s: a pull consumer: %d messages, %v", user, len(msgs), err)
		}
	}
	for _, user := range []string{"part", "boss", "denied"} {
		nc, _ := client(t, url, nats.UserInfo(user, "secret"))
		sub, err := nc.SubscribeSync("_INBOX.>")
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.FlushWithContext(within(t)); err != nil {
			t.Fatal(err)
		}
		overheard = append(overheard, sub)
	}
	nc, _ := client(t, url, nats.UserInfo("free", "secret"))
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	sub, err := js.SubscribeSync(tree, nats.BindStream(eventStream))
	if err != nil {
		t.Fatal(err)
	}
	delivered(t, sub, 3)
	for _, sub := range overheard {
		for msg := range waitingFor(t, sub) {
			t.Errorf("somebody else hears %s %v", msg.Subject, msg.Header)
		}
	}
}

// TestCloudEventsSubscriber: what the SDK of CloudEvents makes of a stream and a
// subject gets every event. The stream has to be named: it listens elsewhere than where
// its events are found.
func TestCloudEventsSubscriber(t *testing.T) {
	b, server := start(t)
	for i := range 3 {
		appended(t, b, numbered(i), 3)
	}
	for name, options := range map[string][]cenats.ConsumerOption{"alone": nil, "in a queue": {cenats.WithQueueSubscriber("queue")}} {
		t.Run(name, func(t *testing.T) {
			consumer, err := cenats.NewConsumer(server.URL(), eventStream, b.Subjects().EventTree(), nil, nil, []nats.SubOpt{nats.BindStream(eventStream)}, options...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = consumer.Close(context.WithoutCancel(t.Context())) })
			running(t, consumer.OpenInbound)
			seen := map[string]bool{}
			for len(seen) < 9 {
				msg, err := consumer.Receive(within(t))
				if err != nil {
					t.Fatal(err)
				}
				event, err := binding.ToEvent(t.Context(), msg)
				if err != nil || event.Validate() != nil {
					t.Fatalf("%v, %v", err, event.Validate())
				}
				seen[event.ID()] = true
				if err := msg.Finish(nil); err != nil {
					t.Fatal(err)
				}
			}
			if !seen[numbered(0)+".1"] || !seen[numbered(2)+".3"] {
				t.Errorf("events: %v", seen)
			}
		})
	}
}
