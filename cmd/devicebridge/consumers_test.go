package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/webhook"
)

// TestAPausedConsumerIsSeenEverywhere: readiness, which stays 200, the metric and the
// doctor name the consumer and the end of the pause. A command waits for that end.
func TestAPausedConsumerIsSeenEverywhere(t *testing.T) {
	srv := cliNATSWith(t, server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir()})
	_, graphURL := cliEmulator(t, emulator.Options{})
	b := cliRunBridge(t, graphURL, map[string]string{"NATS_URL": srv.ClientURL(), "BRIDGE_CALLBACK_KEYS": webhook.NewKey()})
	js := cliJetStream(t, srv.ClientURL())
	const stream = "DEVICEBRIDGE_V1_EVENTS"
	_, found := cliDoctor(t, cliPatient(b, graphURL), "--no-canary")
	wantFinding(t, found, "consumers", stateOK, "as declared")

	end := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	until, err := time.Parse(time.RFC3339, end)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.PauseConsumer(t.Context(), stream, "dispatch", until); err != nil {
		t.Fatal(err)
	}
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\nconsumerPaused: a consumer of the bridge is paused on the NATS server: "+
		"what it delivers waits, postbacks are stored: consumer dispatch on "+stream+" is paused until "+end)
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_nats_trouble{trouble="consumerPaused"} 1`)
	_, found = cliDoctor(t, cliPatient(b, graphURL), "--no-canary")
	wantFinding(t, found, "consumer dispatch", stateWarn, "paused until "+end)

	b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--request-id", "r")
	if _, err := js.ResumeConsumer(t.Context(), stream, "dispatch"); err != nil {
		t.Fatal(err)
	}
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_nats_trouble{trouble="consumerPaused"} 0`)
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n")
	if out := b.ok("watch", "r", "--all", "--until-end"); !strings.Contains(out, "completed") {
		t.Errorf("after the pause: %s", out)
	}
}

// TestAQueuedRequestThatAConsumerPassed: a request that came to the intake while its
// consumer looked elsewhere becomes a command once the bridge has set that back.
func TestAQueuedRequestThatAConsumerPassed(t *testing.T) {
	srv := cliNATSWith(t, server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir()})
	b := cliStartWith(t, emulator.Options{}, map[string]string{"NATS_URL": srv.ClientURL(), "BRIDGE_CALLBACK_KEYS": webhook.NewKey()})
	js := cliJetStream(t, srv.ClientURL())
	consumer, err := js.Consumer(t.Context(), "DEVICEBRIDGE_V1_INTAKE", "intake")
	for ; errors.Is(err, jetstream.ErrConsumerNotFound); consumer, err = js.Consumer(t.Context(), "DEVICEBRIDGE_V1_INTAKE", "intake") {
		<-time.After(20 * time.Millisecond) // it is made beside the start
	}
	if err != nil {
		t.Fatal(err)
	}
	config := consumer.CachedInfo().Config
	config.FilterSubject = "devicebridge.v1.other"
	if _, err := js.UpdateConsumer(t.Context(), "DEVICEBRIDGE_V1_INTAKE", config); err != nil {
		t.Fatal(err)
	}
	b.ok("send", "--queue", "--device", cliCompletes, "--uri", "x:y", "--request-id", "q")
	if out := b.ok("watch", "q", "--all", "--until-end"); !strings.Contains(out, "completed") {
		t.Errorf("after the filter was set back: %s", out)
	}
}
