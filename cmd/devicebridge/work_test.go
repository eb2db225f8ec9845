package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/events"
	"devicebridge/webhook"
)

func TestPoisonousCountsAndDecides(t *testing.T) {
	for wait, want := range map[time.Duration]bus.Disposition{0: bus.Done(), time.Minute: bus.Again(time.Minute)} {
		counted, asked := 0, bus.Delivery{}
		w := poisonous(bus.Work{Durable: "x"}, func() { counted++ }, func(_ context.Context, d bus.Delivery) time.Duration {
			asked = d
			return wait
		})
		if got := w.Poisoned(t.Context(), bus.Delivery{Sequence: 7}, "panic"); got != want || counted != 1 || asked.Sequence != 7 || w.Durable != "x" {
			t.Errorf("%s: %+v of %+v, counted %d times", wait, got, asked, counted)
		}
	}
}

// TestPoisonedMessagesBecomeRejected gives each consumer's poison handler, as it
// is wired, a message of its own kind, and looks at what the stream holds then.
func TestPoisonedMessagesBecomeRejected(t *testing.T) {
	vars := cliServing(t, "http://127.0.0.1:1/beta")
	vars["BRIDGE_PUBLIC_URL"], vars["BRIDGE_NATS_SYNC"] = "http://127.0.0.1:1", "interval"
	c, err := loadServe(vars)
	if err != nil {
		t.Fatal(err)
	}
	o, log := newOperator(c), slog.New(slog.DiscardHandler)
	keys, err := webhook.ParseKeyring(webhook.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	err = onNATS(t.Context(), c, o, log, func(_ *bus.Server, b *bus.Bus) error {
		p, err := compose(c, b, keys, nil, o, log)
		if err != nil {
			return err
		}
		accepted := func(id string) events.Command {
			receipt, err := p.bridge.Send(t.Context(), nil, []byte(`{"requestId":"`+id+`","deviceId":"d","type":"launchUri","payload":{"uri":"x:y"}}`))
			if err != nil {
				t.Fatal(err)
			}
			return receipt.Command
		}
		first, second := accepted("one"), accepted("two")
		header, body, err := c.subjects.Encode(events.KindOf(events.StateAccepted), first)
		if err != nil {
			return err
		}
		created := time.Unix(1_700_000_000, 0)
		deliveries := map[string]bus.Delivery{
			"dispatch": {Subject: c.subjects.Event(first.ID, first.DeviceID, events.KindOf(first.State)), Header: header, Data: body},
			"timers":   {Subject: c.subjects.TimerDue(second.ID)},
			"intake":   {Data: []byte(`{}`), StreamCreated: created, Sequence: 3},
		}
		for _, w := range p.work {
			d, ok := deliveries[w.Durable]
			if !ok {
				t.Fatalf("a consumer %s", w.Durable)
			}
			delete(deliveries, w.Durable)
			if got := w.Poisoned(t.Context(), d, "panic"); got != bus.Done() {
				t.Errorf("%s: the message comes again: %+v", w.Durable, got)
			}
			if got := cliGathered(t, o.metrics)[`devicebridge_poisoned_messages_total{consumer="`+w.Durable+`"}`]; got != 1 {
				t.Errorf("%s: counted %v times", w.Durable, got)
			}
		}
		if len(deliveries) > 0 {
			t.Errorf("no consumer for %v", deliveries)
		}
		for name, id := range map[string]string{"dispatch": first.ID, "timers": second.ID, "intake": events.IntakeCommandID(created, 3)} {
			latest, err := b.Latest(t.Context(), id)
			if err != nil || latest.Command.State != events.StateRejected || !strings.Contains(latest.Command.Error.Message, "broke down") {
				t.Errorf("%s: the command is %+v (%v), want rejected", name, latest.Command, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPausedWarns: the same is worked on, and the operator is told what that means.
func TestPausedWarns(t *testing.T) {
	for dispatch, want := range map[string]string{"on": "intake timers dispatch", "paused": "intake timers dispatch"} {
		vars := cliServing(t, "http://127.0.0.1:1/beta")
		vars["BRIDGE_PUBLIC_URL"], vars["BRIDGE_NATS_SYNC"], vars["BRIDGE_DISPATCH"] = "http://127.0.0.1:1", "interval", dispatch
		c, err := loadServe(vars)
		if err != nil {
			t.Fatal(err)
		}
		o := newOperator(c)
		var lines strings.Builder
		log := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelWarn}))
		err = onNATS(t.Context(), c, o, slog.New(slog.DiscardHandler), func(_ *bus.Server, b *bus.Bus) error {
			var names []string
			for _, w := range workOf(c, b, nil, o, log) {
				names = append(names, w.Durable)
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("%s: consumers %s, want %s", dispatch, got, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if warns := strings.Count(lines.String(), "\n"); warns != strings.Count(dispatch, "paused") {
			t.Errorf("%s: %d warnings: %s", dispatch, warns, lines.String())
		}
	}
}
