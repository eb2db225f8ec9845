package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/webhook"
)

// TestJetStreamsAcknowledgementIsNoAnswer: where a stream listens on requests no client
// takes JetStream's acknowledgement for the bridge's answer.
func TestJetStreamsAcknowledgementIsNoAnswer(t *testing.T) {
	srv := cliNATSWith(t, server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir()})
	js := cliJetStream(t, srv.ClientURL())
	audit := jetstream.StreamConfig{Name: "AUDIT", Subjects: []string{"devicebridge.v1.*.>"}}
	full := audit
	full.MaxBytes, full.Discard = 1, jetstream.DiscardNew // it stores nothing, and says so
	for _, config := range []jetstream.StreamConfig{audit, full} {
		if _, err := js.CreateOrUpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		for _, asks := range [][]string{
			{"send", "--device", "id:d", "--uri", "x:y"}, {"get", "--json", "x"}, {"cancel", "x"}, {"list"}, {"erase", "x", "--reason", "r", "--yes"},
			{"callback"}, {"devices"}, {"whoami"}, {"directory", "list"}, {"quarantine", "--before", "now"},
		} {
			r := cliRun(t, map[string]string{"NATS_URL": srv.ClientURL()}, asks...)
			if r.code == exitOK || r.stdout != "" || !strings.Contains(r.stderr, "JetStream answered in the place of the bridge: the stream AUDIT listens on") {
				t.Errorf("%s: exit %d, %q, %q", asks, r.code, r.stdout, r.stderr)
			}
		}
	}
}

// TestAStreamThatCapturesRequests: a stream that somebody makes over requests while the
// bridge runs is named by readiness, the metric and the doctor until it is gone; the
// doctor names one over events too, which stores none, and not a copy, which stores all.
func TestAStreamThatCapturesRequests(t *testing.T) {
	srv := cliNATSWith(t, server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir()})
	b := cliStartWith(t, emulator.Options{}, map[string]string{"NATS_URL": srv.ClientURL(), "BRIDGE_CALLBACK_KEYS": webhook.NewKey()})
	js := cliJetStream(t, srv.ClientURL())
	for _, config := range []jetstream.StreamConfig{
		{Name: "AUDIT", Subjects: []string{"devicebridge.v1.signin.get", "devicebridge.*.commands.>"}},
		{Name: "LIVE", Subjects: []string{"devicebridge.v1.events.>"}},
		{Name: "COPY", Sources: []*jetstream.StreamSource{{Name: "DEVICEBRIDGE_V1_EVENTS"}}},
	} {
		if _, err := js.CreateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "requestsCaptured: another stream answers requests beside the bridge: stream AUDIT listens on devicebridge.v1.commands.>")
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_nats_trouble{trouble="requestsCaptured"} 1`)
	found := b.run("doctor").stdout
	for _, words := range []string{
		"stream AUDIT listens on devicebridge.v1.commands.>", "stream AUDIT listens on devicebridge.v1.signin.>",
		"stream LIVE listens on devicebridge.v1.events.>, and refuses what is published there",
	} {
		if !strings.Contains(found, words) {
			t.Errorf("the doctor does not say %q:\n%s", words, found)
		}
	}
	if strings.Contains(found, "COPY") {
		t.Errorf("the doctor blames the copy:\n%s", found)
	}
	if err := js.DeleteStream(t.Context(), "AUDIT"); err != nil {
		t.Fatal(err)
	}
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_nats_trouble{trouble="requestsCaptured"} 0`)

	b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m")
	all, copied := cliMessages(t, js, "DEVICEBRIDGE_V1_EVENTS"), 0
	consumer, err := js.CreateConsumer(t.Context(), "COPY", jetstream.ConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for ; copied < int(all); copied++ {
		if _, err := consumer.Next(jetstream.FetchMaxWait(time.Minute)); err != nil {
			t.Fatalf("after %d of %d events: %v", copied, all, err)
		}
	}
	// When JetStream lets it have them, the doctor and the README need not warn any more.
	if n := cliMessages(t, js, "LIVE"); n != 0 {
		t.Errorf("a stream over live events stores %d", n)
	}
}

func cliJetStream(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func cliMessages(t *testing.T, js jetstream.JetStream, name string) uint64 {
	t.Helper()
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}
