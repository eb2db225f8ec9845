package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/authority"
	emulated "devicebridge/bridge/graph/emulator/directory"
	"devicebridge/bridge/graph/signin"
	"devicebridge/events"
)

// mustNotDeny fails the test for everything that the server denied to the bridge.
func (s *natsSample) mustNotDeny() {
	s.t.Helper()
	for _, text := range s.denied() {
		s.t.Errorf("the bridge's permissions are too narrow: %s", text)
	}
}

// consume reads what a durable consumer of the subscriber has, acknowledged one by
// one, until see says that it is enough.
func (s *natsSample) consume(stream, filter string, see func(jetstream.Msg) bool) {
	s.t.Helper()
	_, js := s.as("subscriber")
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	consumer, err := js.CreateOrUpdateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Durable: "reports", FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for {
		msg, err := consumer.Next(jetstream.FetchContext(ctx))
		if err != nil {
			s.t.Fatal(err)
		}
		if err := msg.DoubleAck(ctx); err != nil {
			s.t.Fatal(err)
		}
		if see(msg) {
			break
		}
	}
	info, err := consumer.Info(ctx)
	if err != nil || info.NumAckPending != 0 || info.AckFloor.Stream == 0 {
		s.t.Errorf("after the acknowledgements: %+v, %v", info, err)
	}
}

// TestNATSSampleLife: on the sample the bridge has what it needs, and so has each
// of the others: a sign-in, commands by request and by the intake, callbacks, the
// sweep, lists, and events for who follows them.
func TestNATSSampleLife(t *testing.T) {
	s := startNATSSample(t)
	a := cliStartAuthority(t, authority.Options{})
	key := signin.NewKey()
	b := cliSignedOutBridge(t, a, s.bridgeVars(map[string]string{"BRIDGE_SIGNIN_KEY": key}))
	operator := &cliBridge{t: t, vars: maps.Clone(b.vars)}
	maps.Copy(operator.vars, s.vars("operator"))
	operator.vars["BRIDGE_SIGNIN_KEY"] = key
	requester := &cliBridge{t: t, vars: s.vars("requester")}

	operator.login(a)
	if who := operator.ok("whoami"); !strings.Contains(who, "kept in   nats") {
		t.Errorf("whoami: %s", who)
	}
	live, _ := s.as("subscriber")
	heard, err := live.SubscribeSync("devicebridge.v1.events.*.*.completed")
	if err != nil {
		t.Fatal(err)
	}
	if err := live.Flush(); err != nil {
		t.Fatal(err)
	}
	id := cliField(t, requester.ok("send", "--device", cliCompletes, "--app-service", "a", "--package", "p", "--payload", "{}", "--wait", "1m"), "command")
	if msg, err := heard.NextMsg(time.Minute); err != nil || !strings.Contains(msg.Subject, id) {
		t.Errorf("the live event: %+v, %v", msg, err)
	}
	requester.ok("get", id, "--payload")
	if out := requester.ok("list"); !strings.Contains(out, id) {
		t.Errorf("list: %s", out)
	}
	if out := requester.ok("devices"); !strings.Contains(out, "JimSurface") {
		t.Errorf("devices: %s", out)
	}
	requester.ok("callback", "--request-id", "by-hand")

	_, js := s.as("requester")
	body, err := json.Marshal(launchURI("queued"))
	if err != nil {
		t.Fatal(err)
	}
	if ack, err := js.Publish(t.Context(), "devicebridge.v1.intake.send", body); err != nil || ack.Stream != "DEVICEBRIDGE_V1_INTAKE" {
		t.Errorf("the intake: %+v, %v", ack, err)
	}
	queued := events.RequestCommandID("queued")
	s.consume("DEVICEBRIDGE_V1_EVENTS", "devicebridge.v1.events.>", func(m jetstream.Msg) bool {
		return strings.HasPrefix(m.Subject(), "devicebridge.v1.events."+queued+".") && strings.HasSuffix(m.Subject(), ".completed")
	})
	operator.follow(1, queued, "--kind", "completed", "--all")
	operator.fails(exitRefused, "paused", "quarantine", "--before", "now")
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n")
	operator.ok("erase", id, "--reason", "asked for", "--yes")
	requester.fails(exitRefused, "erased", "get", id, "--payload")
	operator.ok("logout")
	s.mustNotDeny()
}

// TestNATSSampleKeepsAll: where the bridge may delete nothing, an erasure is refused
// before anything tells of it, and the words name the permission.
func TestNATSSampleKeepsAll(t *testing.T) {
	for _, stream := range []string{"DEVICEBRIDGE_V1_EVENTS", "OBJ_DEVICEBRIDGE_V1_RESPONSES"} {
		permission := "$JS.API.STREAM.MSG.DELETE." + stream
		s := startNATSSample(t, `"`+permission+`"`)
		cliStartWith(t, emulator.Options{}, s.bridgeVars(nil))
		requester, operator := &cliBridge{t: t, vars: s.vars("requester")}, &cliBridge{t: t, vars: s.vars("operator")}
		id := cliField(t, requester.ok("send", "--device", cliCompletes, "--uri", "https://example.com", "--wait", "1m"), "command")
		operator.fails(exitUnavailable, permission, "erase", id, "--reason", "asked for", "--yes")
		if out := requester.ok("get", id); !strings.Contains(out, "completed") {
			t.Errorf("after the refused erasure: %s", out)
		}
	}
}

// TestNATSSamplePayload: a payload that fits no message, polled for, by timers.
func TestNATSSamplePayload(t *testing.T) {
	s := startNATSSample(t)
	payload := []byte(`"` + strings.Repeat("x", 3<<20) + `"`)
	cliStartWith(t, emulator.Options{}, s.bridgeVars(map[string]string{
		"BRIDGE_GRAPH_URL": cliBigGraph(t, payload).URL + "/beta", "BRIDGE_POLL_FIRST": "10ms", "BRIDGE_POLL_MAX": "20ms",
	}))
	requester := &cliBridge{t: t, vars: s.vars("requester")}
	id := cliField(t, requester.ok("send", "--device", "id:d", "--app-service", "a", "--package", "p", "--payload", "{}", "--wait", "1m"), "command")
	if got := requester.ok("get", id, "--payload"); !bytes.Equal([]byte(got), payload) {
		t.Errorf("--payload wrote %d bytes, want %d", len(got), len(payload))
	}
	s.mustNotDeny()
}

// TestNATSSampleInventory: the directory and its feed.
func TestNATSSampleInventory(t *testing.T) {
	s := startNATSSample(t)
	cliDirectory(t, emulated.Options{}, s.bridgeVars(map[string]string{"BRIDGE_INVENTORY": "on", "BRIDGE_INVENTORY_EVERY": "100ms"}))
	s.consume("DEVICEBRIDGE_V1_INVENTORY", "devicebridge.v1.inventory.>", func(m jetstream.Msg) bool {
		return strings.HasSuffix(m.Subject(), ".created")
	})
	operator := &cliBridge{t: t, vars: s.vars("operator")}
	operator.ok("directory", "list")
	s.mustNotDeny()
}
