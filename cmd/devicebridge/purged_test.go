package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/webhook"
)

// cliStream returns a stream of a NATS server as its operator has it.
func cliStream(t *testing.T, url, name string) (jetstream.JetStream, jetstream.Stream) {
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
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return js, stream
}

// TestPurgedStream: what was purged is not sent again, and its callback is not told that
// there is no such command, until a bridge is started that is told to go on.
func TestPurgedStream(t *testing.T) {
	url := cliNATS(t)
	vars := map[string]string{"NATS_URL": url, "BRIDGE_CALLBACK_KEYS": webhook.NewKey()}
	b := cliStartWith(t, emulator.Options{}, vars)
	send := []string{"send", "--device", cliCompletes, "--uri", "x:y", "--request-id", "p1"}
	b.ok(append(send, "--wait", "1m")...)
	callback := cliField(t, b.ok("callback", "--request-id", "minted"), "callback")
	_, stream := cliStream(t, url, "DEVICEBRIDGE_V1_EVENTS")
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	cliUntil(t, b.admin+"/readyz", http.StatusServiceUnavailable,
		"not ready\neventsMissing: events are missing from the event stream: nothing is stored or sent until the bridge is started again and told how to go on; its log says how: 1-7\n")
	b.fails(exitUnavailable, "events are missing", send...)
	if status := cliPost(t, callback, `{"status":"completed"}`); status != http.StatusServiceUnavailable {
		t.Errorf("the callback is answered with %d", status)
	}
	if metrics := cliGet(t, b.admin+"/metrics"); !strings.Contains(metrics, `devicebridge_nats_trouble{trouble="eventsMissing"} 1`) {
		t.Error("the metric does not tell")
	}
	if posts := len(b.emulator.Commands()); posts != 1 {
		t.Errorf("Graph saw %d POSTs of one request id", posts)
	}
}

// TestSealedStream: a stream in which nothing can be stored any more takes the bridge out
// of rotation, and the setting is named.
func TestSealedStream(t *testing.T) {
	url := cliNATS(t)
	b := cliStartWith(t, emulator.Options{}, map[string]string{"NATS_URL": url, "BRIDGE_CALLBACK_KEYS": webhook.NewKey()})
	js, stream := cliStream(t, url, "DEVICEBRIDGE_V1_EVENTS")
	config := stream.CachedInfo().Config
	config.Sealed = true
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	for status := http.StatusOK; status != http.StatusServiceUnavailable; {
		var text string
		status, text = cliFetch(t, http.MethodGet, b.admin+"/readyz")
		if t.Context().Err() != nil {
			t.Fatal("it stays ready")
		}
		if status == http.StatusServiceUnavailable && !strings.Contains(text, `streamDiffers: a stream is not configured as declared: DEVICEBRIDGE_V1_EVENTS: `) {
			t.Errorf("not ready: %s", text)
		}
		if status == http.StatusServiceUnavailable && !strings.Contains(text, `sealed is "true"`) {
			t.Errorf("the setting is not named: %s", text)
		}
	}
}
