package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"devicebridge/bridge/graph"
	emulated "devicebridge/bridge/graph/emulator/directory"
	"devicebridge/bridge/inventory"
)

// The feed begins anew where Graph cannot go on from the link that it has, in
// whatever way that is found out; from any other trouble it waits.
func TestWhatMakesTheFeedBeginAnew(t *testing.T) {
	var status int
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
	}))
	t.Cleanup(web.Close)
	credential, err := graph.StaticToken("any-token")
	if err != nil {
		t.Fatal(err)
	}
	client, err := graph.NewDirectory(graph.Options{BaseURL: web.URL + "/v1.0", Credential: credential})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	own := web.URL + "/v1.0/devices/delta?$skiptoken=1"
	for _, c := range []struct {
		name, link string
		status     int
		anew       bool
	}{
		{"a link of another Graph", "https://graph.microsoft.us/v1.0/devices/delta?$deltatoken=1", 0, true},
		{"a link of another version", web.URL + "/beta/devices/delta?$deltatoken=1", 0, true},
		{"a link that is gone", own, http.StatusGone, true},
		{"a link that is refused", own, http.StatusBadRequest, true},
		{"a link that is not found", own, http.StatusNotFound, true},
		{"a first request that is refused", "", http.StatusBadRequest, false},
		{"a first request that is not found", "", http.StatusNotFound, false},
		{"a missing permission", own, http.StatusForbidden, false},
		{"a broken Graph", own, http.StatusInternalServerError, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			status = c.status
			_, err := deltaSource{client}.Delta(t.Context(), c.link)
			if resync, anew := errors.AsType[*inventory.ResyncError](err); anew != c.anew || err == nil || anew && resync.Err == nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestAFeedThatCannotGoOn: the readiness says why, and the webhook stays in
// rotation.
func TestAFeedThatCannotGoOn(t *testing.T) {
	b, d := cliDirectory(t, emulated.Options{Faults: emulated.Faults{Chance: map[emulated.FaultKind]float64{emulated.FaultNotFound: 1}}},
		map[string]string{"BRIDGE_INVENTORY": "on", "BRIDGE_INVENTORY_EVERY": "100ms"})
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "\ninventory: the inventory feed cannot go on; it tries again and loses nothing: read the directory: ")
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_degraded{condition="inventory"} 1`)
	if err := d.SetFaults(emulated.Faults{}); err != nil {
		t.Fatal(err)
	}
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_degraded{condition="inventory"} 0`)
}
