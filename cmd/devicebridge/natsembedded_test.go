package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
)

// TestNATSEmbeddedSample: a bridge whose own server runs the sample of deploy/nats,
// with another port and certificate.
func TestNATSEmbeddedSample(t *testing.T) {
	text, err := os.ReadFile("../../deploy/nats/embedded.conf")
	if err != nil {
		t.Fatal(err)
	}
	pair := cliPair(t, "nats.example.com", time.Hour)
	conf := string(text)
	for theirs, ours := range map[string]string{
		"listen: 0.0.0.0:4222": "listen: 0.0.0.0:-1", "/etc/devicebridge/nats/tls.crt": pair["cert"], "/etc/devicebridge/nats/tls.key": pair["key"],
	} {
		if strings.Count(conf, theirs) != 1 {
			t.Fatalf("the sample has not one %q", theirs)
		}
		conf = strings.Replace(conf, theirs, ours, 1)
	}
	t.Setenv("NATS_ORDERS_PASSWORD", "of-orders")
	t.Setenv("NATS_REPORTS_PASSWORD", "of-reports")
	b := cliStartWith(t, emulator.Options{}, map[string]string{"BRIDGE_NATS_CONFIG": cliFile(t, "nats.conf", conf)})
	address, found := strings.CutPrefix(b.vars["NATS_URL"], "tls://")
	if !found {
		t.Errorf("the address is %s", b.vars["NATS_URL"])
	}
	s := &natsSample{t: t, ca: pair["cert"], url: "tls://127.0.0.1" + address[strings.LastIndex(address, ":"):]}

	orders := &cliBridge{t: t, vars: s.vars("orders")}
	id := cliField(t, orders.ok("send", "--device", cliCompletes, "--uri", "https://example.com/", "--wait", "1m"), "command")
	_, js := s.as("reports")
	consumer, err := js.CreateOrUpdateConsumer(t.Context(), natsEvents, jetstream.ConsumerConfig{
		Durable: "reports", FilterSubject: "devicebridge.v1.events.>", AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	for seen := ""; !strings.HasSuffix(seen, ".completed"); {
		msg, err := consumer.Next()
		if err != nil {
			t.Fatal(err)
		}
		if err := msg.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
		if seen = msg.Subject(); !strings.HasPrefix(seen, "devicebridge.v1.events."+id+".") {
			t.Errorf("an event of another command: %s", seen)
		}
	}

	for user, subjects := range map[string][]string{
		"orders":  append(harm(), "devicebridge.v1.commands.quarantine", "devicebridge.v1.commands.erase", "$JS.API.INFO", "$JS.API.STREAM.INFO."+natsEvents),
		"reports": append(harm(), "devicebridge.v1.commands.send", "$JS.API.CONSUMER.CREATE."+natsEvents+".other.devicebridge.v1.events.>"),
	} {
		for _, subject := range subjects {
			if s.mayPublish(user, subject) {
				t.Errorf("%s may publish to %s", user, subject)
			}
		}
		for _, subject := range []string{"devicebridge.v1.commands.>", "devicebridge.v1.append.>", "$KV.>", "$JS.>", ">"} {
			if s.maySubscribe(user, subject) {
				t.Errorf("%s may subscribe to %s", user, subject)
			}
		}
		if !s.maySubscribe(user, "_INBOX.mine") {
			t.Errorf("the control: %s may not have an inbox", user)
		}
	}
	anybody := &cliBridge{t: t, vars: map[string]string{"NATS_URL": s.url, "NATS_CA": s.ca}}
	anybody.fails(exitUnavailable, "uthorization", "list")
}
