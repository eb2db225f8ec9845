package bus_test

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// withFile starts an embedded server with a configuration file, and gives its
// address on loopback.
func withFile(t *testing.T, listen, text string) (b *bus.Bus, embedded *bus.Server, url string) {
	t.Helper()
	embedded, err := bus.StartServer(bus.ServerOptions{Listen: listen, ConfigFile: fileOf(t, "nats.conf", text), Dir: t.TempDir(), LazySync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(embedded.Stop)
	b = connect(t, bus.Options{Server: embedded})
	ensure(t, b, inventoried())
	_, port, err := net.SplitHostPort(strings.SplitAfter(embedded.URL(), "//")[1])
	if err != nil {
		t.Fatal(err)
	}
	return b, embedded, "nats://127.0.0.1:" + port
}

// twoAccounts has a user who may do all that its account may, and one in another
// account that is bound further.
const twoAccounts = `accounts {
	APPS { users: [{user: app, password: secret}] }
	REQUESTERS {
		users: [{user: requester, password: secret, permissions: {
			publish: ["devicebridge.v1.commands.send", "devicebridge.v1.intake.send"], subscribe: ["_INBOX.>"]
		}}]
	}
}
`

// TestServerUsers: beyond loopback, under TLS, users of the file's accounts have
// what guests have and no more, and nobody is a guest.
func TestServerUsers(t *testing.T) {
	block, ca := tlsBlock(t)
	b, embedded, url := withFile(t, "0.0.0.0:0", block+twoAccounts)
	for name, opts := range map[string][]nats.Option{
		"no credentials":   {nats.RootCAs(ca)},
		"a wrong password": {nats.RootCAs(ca), nats.UserInfo("app", "wrong")},
		"no TLS":           {nats.UserInfo("app", "secret"), nats.TLSHandshakeFirst()},
	} {
		if nc, err := nats.Connect(url, opts...); err == nil {
			nc.Close()
			t.Errorf("%s: it is let in", name)
		}
	}
	app := []nats.Option{nats.RootCAs(ca), nats.UserInfo("app", "secret")}
	requester := []nats.Option{nats.RootCAs(ca), nats.UserInfo("requester", "secret")}
	s := standOn(t, b, embedded, url, app...)

	publishes := map[bool][]string{
		true: {
			"devicebridge.v1.commands.send", "$JS.API.STREAM.INFO." + eventStream, "$JS.API.CONSUMER.CREATE." + eventStream + ".mine",
			"$JS.ACK." + eventStream + ".mine.1.1.1.1.0", "a.subject.of.its.own",
		},
		false: {
			"devicebridge.v1.append.a.b.accepted", "devicebridge.v1.append.inventory.cursor", "devicebridge.v1.events.a.b.accepted",
			"devicebridge.v1.inventory.a.created", "devicebridge.v1.timers.at.a", "devicebridge.v1.timers.due.a",
			"$JS.API.CONSUMER.DELETE." + eventStream + ".dispatch", "$JS.API.CONSUMER.CREATE." + eventStream + ".dispatch.devicebridge.v1.events.>",
			"$JS.ACK." + eventStream + ".dispatch.1.1.1.1.0",
		},
	}
	subscribes := map[bool][]string{
		true:  {"devicebridge.v1.events.>", "devicebridge.v1.inventory.>", "_INBOX.>", "a.subject.of.its.own"},
		false: {"devicebridge.v1.commands.>", "devicebridge.v1.intake.send", "devicebridge.v1.append.>", "devicebridge.v1.timers.>", "$SRV.PING", "$JS.API.>", "$SYS.>"},
	}
	try := func(opts []nats.Option, who, subject string, publish, want bool) {
		t.Helper()
		nc, _ := client(t, url, opts...)
		var err error
		if publish {
			err = nc.Publish(subject, nil)
		} else {
			_, err = nc.SubscribeSync(subject)
		}
		if err != nil {
			t.Fatal(err)
		}
		wantAllowed(t, nc, who+": "+subject, want)
	}
	for want, subjects := range publishes {
		for _, subject := range subjects {
			try(app, "publish", subject, true, want)
			try(requester, "publish, bound", subject, true, want && subject == "devicebridge.v1.commands.send")
		}
	}
	for want, subjects := range subscribes {
		for _, subject := range subjects {
			try(app, "subscribe", subject, false, want)
			try(requester, "subscribe, bound", subject, false, want && subject == "_INBOX.>")
		}
	}

	// What is not denied to it, but is not imported either, comes to nothing.
	nc, js := client(t, url, app...)
	before := s.state(t)
	for _, subject := range []string{"$JS.API.STREAM.DELETE." + eventStream, "$JS.API.STREAM.PURGE." + eventStream, "$O." + responseBucket + ".C.id"} {
		if _, err := nc.RequestWithContext(within(t), subject, nil); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("%s is answered: %v", subject, err)
		}
	}
	if after := s.state(t); after != before {
		t.Errorf("it changed\n%s\nto\n%s", before, after)
	}
	s.detour(t)

	consumer, err := js.CreateConsumer(within(t), eventStream, jetstream.ConsumerConfig{Durable: "reports", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := consumer.Next(jetstream.FetchContext(within(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := msg.DoubleAck(within(t)); err != nil {
		t.Error(err)
	}
	live, err := nc.SubscribeSync("devicebridge.v1.events.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	appended(t, b, numbered(100), 1)
	if _, err := live.NextMsgWithContext(within(t)); err != nil {
		t.Errorf("a live event: %v", err)
	}
	asking, _ := client(t, url, requester...)
	if _, err := asking.RequestWithContext(within(t), "devicebridge.v1.commands.send", []byte("{}")); err != nil {
		t.Errorf("the requester asks: %v", err)
	}

	if err := embedded.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	again, _ := client(t, url, app...)
	until(t, "an answer after the restart", func() bool {
		_, err := again.RequestWithContext(within(t), "devicebridge.v1.commands.send", []byte("{}"))
		return err == nil
	})
}

// TestServerClientCertificates: the bridge's own connection needs none, whatever
// is asked of others.
func TestServerClientCertificates(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	for _, how := range []string{"verify: true", "verify_and_map: true", "handshake_first: true"} {
		t.Run(how, func(t *testing.T) {
			b, _, url := withFile(t, "0.0.0.0:0", "tls { cert_file: '"+cert+"', key_file: '"+key+"', ca_file: '"+cert+"', "+how+" }\n"+
				"accounts { APPS { users: [{user: 'CN=nats', password: secret}] } }")
			appended(t, b, numbered(1), 1)
			opts := []nats.Option{nats.RootCAs(cert), nats.ClientCert(cert, key), nats.UserInfo("CN=nats", "secret")}
			if how == "handshake_first: true" {
				opts = append(opts, nats.TLSHandshakeFirst())
			}
			_, js := client(t, url, opts...)
			if n := messages(t, js, eventStream); n != 1 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// TestServerLeafNode: the clients of a hub are to the bridge what the account is
// that the hub is joined to.
func TestServerLeafNode(t *testing.T) {
	port := fixedPort(t)
	hub := startNATS(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, LeafNode: server.LeafNodeOpts{Host: "127.0.0.1", Port: port},
	})
	b, embedded, url := withFile(t, "127.0.0.1:0", "accounts { HUB {} }\n"+
		"leafnodes { remotes: [{url: 'nats-leaf://127.0.0.1:"+strconv.Itoa(port)+"', account: HUB}] }")
	s := standOn(t, b, embedded, url)
	local, _ := client(t, url)
	atHub, _ := client(t, hub.ClientURL())
	until(t, "an answer at the hub", func() bool {
		_, err := atHub.RequestWithContext(within(t), "devicebridge.v1.commands.send", []byte("{}"))
		return err == nil
	})

	told, err := atHub.SubscribeSync(b.Subjects().EventTree())
	if err != nil {
		t.Fatal(err)
	}
	overheard, err := atHub.SubscribeSync("devicebridge.v1.commands.>")
	if err != nil {
		t.Fatal(err)
	}
	heard, err := local.SubscribeSync(b.Subjects().EventTree())
	if err != nil {
		t.Fatal(err)
	}
	if err := local.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	n := 100
	until(t, "an event at the hub", func() bool {
		appended(t, b, numbered(n), 1)
		n++
		pending, _, err := told.Pending()
		return err == nil && pending > 0
	})
	before := s.state(t)
	for _, subject := range append(targets(b.Subjects()), b.Subjects().Event(numbered(9), "device", events.KindOf(events.StateCompleted))) {
		if err := atHub.Publish(subject, []byte("forged")); err != nil {
			t.Fatal(err)
		}
	}
	// Each way is in order: an answer means that what came before is through.
	if _, err := atHub.RequestWithContext(within(t), "devicebridge.v1.commands.send", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if _, err := local.RequestWithContext(within(t), "devicebridge.v1.commands.send", []byte("asked here")); err != nil {
		t.Fatal(err)
	}
	if after := s.state(t); after != before {
		t.Errorf("the hub changed\n%s\nto\n%s", before, after)
	}
	for msg := range waitingFor(t, heard) {
		if string(msg.Data) == "forged" {
			t.Errorf("a client here hears %s of the hub", msg.Subject)
		}
	}
	if _, err := atHub.RequestWithContext(within(t), "devicebridge.v1.commands.send", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	for msg := range waitingFor(t, overheard) {
		if string(msg.Data) == "asked here" {
			t.Error("the hub hears what is asked here")
		}
	}
}
