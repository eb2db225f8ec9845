package bus_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
)

// takes are the works of a bus, each of which tells what it takes.
func takes(b *bus.Bus) (works []bus.Work, taken map[string]chan bus.Delivery) {
	taken = map[string]chan bus.Delivery{}
	handler := func(durable string) bus.Handler {
		taken[durable] = make(chan bus.Delivery, 100)
		return func(_ context.Context, d bus.Delivery) bus.Disposition {
			taken[durable] <- d
			return bus.Done()
		}
	}
	works = []bus.Work{
		b.DispatchWork(bus.DefaultAckWait, 2, handler("dispatch")), b.IntakeWork(2, handler("intake")), b.TimerWork(bus.DefaultAckWait, 2, handler("timers")),
	}
	return works, taken
}

// consumed returns a watched bus on an external server that works on all of its consumers.
func consumed(t *testing.T) (*bus.Bus, jetstream.JetStream, []bus.Work, map[string]chan bus.Delivery, *lockedBuffer, <-chan change) {
	t.Helper()
	lines := new(lockedBuffer)
	b := connect(t, bus.Options{URL: external(t, t.TempDir()).ClientURL(), Log: slog.New(slog.NewTextHandler(lines, nil))})
	ensure(t, b, small())
	_, js := client(t, b.URL())
	works, taken := takes(b)
	for _, w := range works {
		consuming(t, b, w)
		until(t, "the consumer "+w.Durable, func() bool { _, err := js.Consumer(within(t), w.Stream, w.Durable); return err == nil })
	}
	return b, js, works, taken, lines, watching(t, b, small())
}

// reconfigured changes a consumer as an operator may.
func reconfigured(t *testing.T, js jetstream.JetStream, w bus.Work, change func(*jetstream.ConsumerConfig)) {
	t.Helper()
	config := consumerOf(t, js, w).Config
	change(&config)
	if _, err := js.UpdateConsumer(within(t), w.Stream, config); err != nil {
		t.Fatalf("%s: %v", w.Durable, err)
	}
}

// TestWatchConsumers: whatever somebody changes on a consumer that the bridge works from
// is told of by the setting's name, and set back.
func TestWatchConsumers(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*jetstream.ConsumerConfig){
		"filter":             func(c *jetstream.ConsumerConfig) { c.FilterSubject = "devicebridge.v1.other" },
		"headers only":       func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true },
		"ack wait":           func(c *jetstream.ConsumerConfig) { c.AckWait = time.Hour },
		"max deliver":        func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 1 },
		"back off":           func(c *jetstream.ConsumerConfig) { c.BackOff = []time.Duration{time.Hour} },
		"max ack pending":    func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 1 },
		"max batch":          func(c *jetstream.ConsumerConfig) { c.MaxRequestBatch = 1 },
		"max expires":        func(c *jetstream.ConsumerConfig) { c.MaxRequestExpires = time.Second },
		"max bytes":          func(c *jetstream.ConsumerConfig) { c.MaxRequestMaxBytes = 10 },
		"inactive threshold": func(c *jetstream.ConsumerConfig) { c.InactiveThreshold = time.Hour },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, js, works, _, lines, changes := consumed(t)
			for _, w := range works {
				reconfigured(t, js, w, change)
				wantChange(t, changes, bus.ConsumerDiffers, true)
				wantChange(t, changes, bus.ConsumerDiffers, false)
				if lines.count("level=ERROR", "trouble=consumerDiffers", "consumer "+w.Durable+" on "+w.Stream+": ", name+" is ") != 1 {
					t.Errorf("log:\n%s", lines)
				}
				if config := consumerOf(t, js, w).Config; config.FilterSubject != w.Filter || config.HeadersOnly || config.AckWait != w.AckWait ||
					config.MaxDeliver != -1 || len(config.BackOff) != 0 || config.MaxAckPending <= 1 || config.MaxRequestBatch != 0 ||
					config.MaxRequestExpires != 0 || config.MaxRequestMaxBytes != 0 || config.InactiveThreshold != 0 {
					t.Errorf("not set back: %+v", config)
				}
			}
			storing(t, b)
		})
	}
}

// TestWatchConsumersRemade: a consumer that somebody deletes is made again, and so is one
// that was made in a form which the server does not let be changed.
func TestWatchConsumersRemade(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*jetstream.ConsumerConfig){
		"ack policy":     func(c *jetstream.ConsumerConfig) { c.AckPolicy = jetstream.AckNonePolicy },
		"deliver policy": func(c *jetstream.ConsumerConfig) { c.DeliverPolicy = jetstream.DeliverNewPolicy },
		"replay policy":  func(c *jetstream.ConsumerConfig) { c.ReplayPolicy = jetstream.ReplayOriginalPolicy },
		"memory storage": func(c *jetstream.ConsumerConfig) { c.MemoryStorage = true },
		"max waiting":    func(c *jetstream.ConsumerConfig) { c.MaxWaiting = 1 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := new(lockedBuffer)
			b := connect(t, bus.Options{URL: external(t, t.TempDir()).ClientURL(), Log: slog.New(slog.NewTextHandler(lines, nil))})
			ensure(t, b, small())
			_, js := client(t, b.URL())
			changes := watching(t, b, small())
			works, taken := takes(b)
			w := works[0]
			config := jetstream.ConsumerConfig{
				Durable: w.Durable, FilterSubject: w.Filter, AckPolicy: jetstream.AckExplicitPolicy, AckWait: w.AckWait, MaxDeliver: -1, MaxAckPending: 4096,
			}
			change(&config)
			if _, err := js.CreateConsumer(within(t), w.Stream, config); err != nil {
				t.Fatal(err)
			}
			appended(t, b, numbered(1), 1)
			consuming(t, b, w)
			wantChange(t, changes, bus.ConsumerDiffers, true)
			wantChange(t, changes, bus.ConsumerDiffers, false)
			if lines.count("level=ERROR", "trouble=consumerDiffers", name) != 1 {
				t.Errorf("log:\n%s", lines)
			}
			receive(t, "the command that was accepted before", taken["dispatch"])
		})
	}
	t.Run("deleted", func(t *testing.T) {
		t.Parallel()
		b, js, works, taken, _, _ := consumed(t)
		for _, w := range works {
			if err := js.DeleteConsumer(within(t), w.Stream, w.Durable); err != nil {
				t.Fatal(err)
			}
		}
		appended(t, b, numbered(1), 1)
		receive(t, "delivery", taken["dispatch"])
		for _, w := range works {
			until(t, w.Durable+" again", func() bool { _, err := js.Consumer(within(t), w.Stream, w.Durable); return err == nil })
		}
		untilCalm(t, b)
	})
}

// TestWatchConsumersPassed: requests that the consumer of the intake passed over while its
// filter was another are taken once that is set back.
func TestWatchConsumersPassed(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{URL: external(t, t.TempDir()).ClientURL()})
	ensure(t, b, small())
	_, js := client(t, b.URL())
	works, taken := takes(b)
	intake := works[1]
	consuming(t, b, intake)
	until(t, "the consumer", func() bool { _, err := js.Consumer(within(t), intake.Stream, intake.Durable); return err == nil })
	reconfigured(t, js, intake, func(c *jetstream.ConsumerConfig) { c.FilterSubject = "devicebridge.v1.other" })
	for range 20 {
		if _, err := js.Publish(within(t), intake.Filter, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	consumer, err := js.Consumer(within(t), intake.Stream, intake.Durable)
	if err != nil {
		t.Fatal(err)
	}
	// A pull has the consumer look for its next message, past those.
	batch, err := consumer.FetchNoWait(1)
	if err != nil {
		t.Fatal(err)
	}
	for range batch.Messages() {
		t.Fatal("the other filter delivers a request")
	}
	changes := watching(t, b, small())
	wantChange(t, changes, bus.ConsumerDiffers, true)
	wantChange(t, changes, bus.ConsumerDiffers, false)
	seen := map[uint64]bool{}
	for len(seen) < 20 {
		seen[receive(t, "request", taken["intake"]).Sequence] = true
	}
}

// TestWatchConsumerPaused: a pause, which may be wanted, is told of with its end, is not
// taken away, also where another setting is set back meanwhile, and is over with it.
func TestWatchConsumerPaused(t *testing.T) {
	t.Parallel()
	b, js, works, taken, lines, changes := consumed(t)
	for _, w := range works {
		end := time.Now().Add(time.Hour).Truncate(time.Second)
		if _, err := js.PauseConsumer(within(t), w.Stream, w.Durable, end); err != nil {
			t.Fatal(err)
		}
		wantChange(t, changes, bus.ConsumerPaused, true)
		words := "consumer " + w.Durable + " on " + w.Stream + " is paused until " + end.UTC().Format(time.RFC3339)
		if detail := b.Detail(bus.ConsumerPaused); detail != words || lines.count("level=WARN", "trouble=consumerPaused", words) != 1 {
			t.Errorf("the detail is %q, the log:\n%s", detail, lines)
		}
		reconfigured(t, js, w, func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 1 })
		wantChange(t, changes, bus.ConsumerDiffers, true)
		wantChange(t, changes, bus.ConsumerDiffers, false)
		if info := consumerOf(t, js, w); !info.Paused {
			t.Errorf("the pause of %s was taken away", w.Durable)
		}
		if _, err := js.ResumeConsumer(within(t), w.Stream, w.Durable); err != nil {
			t.Fatal(err)
		}
		wantChange(t, changes, bus.ConsumerPaused, false)
	}
	appended(t, b, numbered(1), 1)
	receive(t, "delivery", taken["dispatch"])
	if n := lines.count("trouble=consumerPaused"); n != 2*len(works) {
		t.Errorf("told %d times:\n%s", n, lines)
	}
}

// TestWatchConsumersEmbedded: the same inside the embedded server.
func TestWatchConsumersEmbedded(t *testing.T) {
	t.Parallel()
	b, js, _, changes := watched(t, small())
	works, _ := takes(b)
	w := works[0]
	consuming(t, b, w)
	until(t, "the consumer", func() bool { _, err := js.Consumer(within(t), w.Stream, w.Durable); return err == nil })
	reconfigured(t, js, w, func(c *jetstream.ConsumerConfig) { c.FilterSubject = "devicebridge.v1.other" })
	wantChange(t, changes, bus.ConsumerDiffers, true)
	wantChange(t, changes, bus.ConsumerDiffers, false)
}

// TestWatchConsumersForbidden: where the bridge may not look at its consumers it says so
// once, and works on.
func TestWatchConsumersForbidden(t *testing.T) {
	t.Parallel()
	lines := new(lockedBuffer)
	srv := startNATS(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(),
		Users: []*server.User{
			{Username: "free", Password: "p"},
			{Username: "bound", Password: "p", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Deny: []string{"$JS.API.CONSUMER.INFO.>"}},
			}},
		},
	})
	b := connect(t, bus.Options{URL: srv.ClientURL(), User: "bound", Password: "p", Log: slog.New(slog.NewTextHandler(lines, nil))})
	ensure(t, b, small())
	_, js := client(t, srv.ClientURL(), nats.UserInfo("free", "p"))
	works, taken := takes(b)
	consuming(t, b, works[0])
	changes := watching(t, b, small())
	until(t, "word of it", func() bool {
		return lines.count("level=WARN", "are not watched", "$JS.API.CONSUMER.INFO."+works[0].Stream+".dispatch") == 1
	})
	// A trouble that begins and ends lies several looks later.
	changed(t, js, b, func(c *jetstream.StreamConfig) { c.RePublish = nil })
	wantChange(t, changes, bus.StreamDiffers, true)
	wantChange(t, changes, bus.StreamDiffers, false)
	appended(t, b, numbered(1), 1)
	receive(t, "delivery", taken["dispatch"])
	if n := lines.count("are not watched"); n != 1 {
		t.Errorf("told %d times:\n%s", n, lines)
	}
}
