package main

import (
	"net/http"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/webhook"
)

// TestReadinessFollowsStorage: a bridge whose event stream has no room cannot store
// a postback, so it is not ready and refuses one; when there is room it is ready by
// itself, and the same postback is taken.
func TestReadinessFollowsStorage(t *testing.T) {
	url := cliNATS(t)
	b := cliStartWith(t, emulator.Options{}, map[string]string{"NATS_URL": url, "BRIDGE_CALLBACK_KEYS": webhook.NewKey()})
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n")
	callback := cliField(t, b.ok("callback"), "callback")

	limit := cliEventLimit(t, url)
	spacious := limit(0)
	cliUntil(t, b.admin+"/readyz", http.StatusServiceUnavailable, "\nstorageSpent: storage is full: not even a postback can be stored\n")
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_nats_trouble{trouble="storageSpent"} 1`)
	if status := cliPost(t, callback, `{"status":"completed"}`); status != http.StatusServiceUnavailable {
		t.Errorf("a postback that cannot be stored is answered with %d", status)
	}
	if text := cliGet(t, b.admin+"/livez"); text != "ok\n" {
		t.Errorf("without room /livez says %q", text)
	}

	limit(spacious)
	if status := cliPost(t, callback, `{"status":"completed"}`); status != http.StatusAccepted {
		t.Errorf("a postback after there is room again is answered with %d", status)
	}
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n")
}

// cliEventLimit gives a function that sets the size limit of the event stream, to
// what is stored now where it is given 0, and gives the limit before.
func cliEventLimit(t *testing.T, url string) func(bytes int64) int64 {
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
	return func(bytes int64) int64 {
		t.Helper()
		stream, err := js.Stream(t.Context(), "DEVICEBRIDGE_V1_EVENTS")
		if err != nil {
			t.Fatal(err)
		}
		config := stream.CachedInfo().Config
		before := config.MaxBytes
		if config.MaxBytes = bytes; bytes == 0 {
			config.MaxBytes = int64(stream.CachedInfo().State.Bytes)
		}
		if _, err := js.UpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		return before
	}
}
