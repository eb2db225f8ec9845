package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// sample reads a body that Graph's pages print.
func sample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "bridge", "graph", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAGraphThatKnowsOnlyTheDocuments answers with the documented samples as
// they are printed and never posts back: the bridge polls.
func TestAGraphThatKnowsOnlyTheDocuments(t *testing.T) {
	for _, test := range []struct {
		name, post string
		request    events.Request
		want       string
	}{
		{"LaunchUri", "launchuri-response.json", launchURI("docs-launch"), "accepted sending requesting completed"},
		{"AppService", "appservice-response.json", appService("docs-service"), "accepted sending requesting completed response"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var polls atomic.Int32
			answer := func(w http.ResponseWriter, status int, name string) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = w.Write([]byte(sample(t, name)))
			}
			commands := "/beta/me/devices/" + device + "/commands"
			r := startRig(t, rigOptions{
				graph: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					switch {
					case req.Method == http.MethodPost && req.URL.Path == commands:
						answer(w, http.StatusCreated, test.post)
					case strings.HasSuffix(req.URL.Path, "/responsePayload"):
						answer(w, http.StatusOK, "payload.json")
					case strings.HasPrefix(req.URL.Path, commands+"/") && polls.Add(1) == 1:
						answer(w, http.StatusOK, "status-bare.json")
					case strings.HasPrefix(req.URL.Path, commands+"/"):
						answer(w, http.StatusOK, "status-wrapped.json")
					case req.URL.Path == "/beta/me/devices":
						answer(w, http.StatusOK, "devices-pascal.json")
					default:
						http.NotFound(w, req)
					}
				}),
				vars: map[string]string{"BRIDGE_POLL_FIRST": "10ms", "BRIDGE_POLL_MAX": "20ms"},
			})
			list := r.toTheEnd(r.mustSend(test.request).Command.ID)
			if got := kinds(list); got != test.want {
				t.Errorf("timeline is %q, want %q", got, test.want)
			}
			if polls.Load() < 2 {
				t.Errorf("%d polls, want both forms of the status asked for", polls.Load())
			}
			var devices events.DevicesReply
			if err := r.client.Request(t.Context(), "devices.list", struct{}{}, &devices, 0); err != nil {
				t.Fatal(err)
			}
			if len(devices.Devices) != 1 || devices.Devices[0].Name != "JimSurface" || devices.Devices[0].Kind != "Tablet" {
				t.Errorf("devices are %+v", devices.Devices)
			}
		})
	}
}

func TestWaitGetListCancelCallback(t *testing.T) {
	r := startRig(t, rigOptions{})
	var waited events.Receipt
	quick := appService("waited")
	quick.DeviceID = "living-room.TV~2" // completes by itself
	if err := r.client.Request(t.Context(), "commands.send", quick, &waited, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if c := waited.Command; c.State != events.StateCompleted || c.Response != events.ResponseStored || len(c.ResponsePayload) == 0 {
		t.Errorf("Bridge-Wait answered with %s, response %s %s", c.State, c.Response, c.ResponsePayload)
	}
	var refused events.Receipt
	if err := r.client.Request(t.Context(), "commands.send", launchURI("y"), &refused, time.Hour); !events.HasCode(err, events.CodeInvalid) {
		t.Errorf("a wait of an hour: %v, want invalid", err)
	}

	var callback events.Receipt
	if err := r.client.Request(t.Context(), "callbacks.create", events.CallbackRequest{RequestID: "cb"}, &callback, 0); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := r.post(callback.CallbackURL, `{"id":"g","status":"completed"}`); code != http.StatusAccepted {
		t.Errorf("the minted callback answers %d", code)
	}
	if got := kinds(r.toTheEnd(callback.Command.ID)); got != "registered completed" {
		t.Errorf("the registered command has %q", got)
	}

	var canceled events.CommandReply
	err := r.client.Request(t.Context(), "commands.cancel", events.IDRequest{ID: waited.Command.ID}, &canceled, 0)
	if !events.HasCode(err, events.CodeConflict) {
		t.Errorf("cancel of a completed command: %v, want a conflict", err)
	}
	err = r.client.Request(t.Context(), "commands.get", events.IDRequest{ID: events.RequestCommandID("nobody's")}, &canceled, 0)
	if !events.HasCode(err, events.CodeNotFound) {
		t.Errorf("get of an unknown command: %v, want notFound", err)
	}

	var list events.ListReply
	if err := r.client.Request(t.Context(), "commands.list", events.ListRequest{State: events.StateCompleted, Limit: 1}, &list, 0); err != nil {
		t.Fatal(err)
	}
	if len(list.Commands) != 1 || list.Commands[0].ID != callback.Command.ID || list.Cursor == "" {
		t.Errorf("the first page is %+v", list)
	}
	cursor := list.Cursor
	list = events.ListReply{}
	if err := r.client.Request(t.Context(), "commands.list", events.ListRequest{State: events.StateCompleted, Cursor: cursor}, &list, 0); err != nil {
		t.Fatal(err)
	}
	if len(list.Commands) != 1 || list.Commands[0].ID != waited.Command.ID || list.Cursor != "" {
		t.Errorf("the second page is %+v", list)
	}
}

// TestCancelWhileGraphThrottles: a deferred command can be cancelled, and Graph
// never hears of it again.
func TestCancelWhileGraphThrottles(t *testing.T) {
	r := startRig(t, rigOptions{emulator: emulator.Options{
		Faults: emulator.Faults{Next: []emulator.Fault{{Kind: emulator.FaultThrottle, RetryAfter: time.Hour}}},
	}})
	id := r.mustSend(launchURI("slow down")).Command.ID
	list := r.until(id, func(e events.Stored) bool { return e.Command.State == events.StateDeferred })
	deferred := list[len(list)-1].Command
	if deferred.Error == nil || deferred.Error.HTTPStatus != http.StatusTooManyRequests || deferred.RetryAt == nil || deferred.Payload == nil {
		t.Errorf("the deferred record is %+v", deferred)
	}
	var reply events.CommandReply
	if err := r.client.Request(t.Context(), "commands.cancel", events.IDRequest{ID: id}, &reply, 0); err != nil {
		t.Fatal(err)
	}
	if got := kinds(r.toTheEnd(id)); got != "accepted sending deferred canceled" {
		t.Errorf("timeline is %q", got)
	}
	if r.taken() != 0 || len(r.emulator.Commands()) != 1 {
		t.Errorf("Graph saw %d POSTs and took %d", len(r.emulator.Commands()), r.taken())
	}
}

func TestMicroListsEndpointsWithTheirSchemas(t *testing.T) {
	r := startRig(t, rigOptions{})
	answer, err := r.connect().RequestWithContext(t.Context(), "$SRV.INFO.devicebridge", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Data) > 16<<10 {
		t.Errorf("the answer is %d bytes", len(answer.Data))
	}
	var info micro.Info
	if err := json.Unmarshal(answer.Data, &info); err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for _, e := range info.Endpoints {
		subjects = append(subjects, e.Subject)
		for _, key := range []string{"schema.request", "schema.response"} {
			// By name: the answer with the texts was nearly 200 KB.
			if text, err := os.ReadFile("../../" + e.Metadata[key]); err != nil || !strings.Contains(string(text), "$schema") {
				t.Errorf("%s: %s is %.60q, want the name of a JSON Schema (%v)", e.Subject, key, e.Metadata[key], err)
			}
		}
	}
	slices.Sort(subjects)
	if want := []string{
		"devicebridge.v1.callbacks.create", "devicebridge.v1.callbacks.keys", "devicebridge.v1.commands.cancel", "devicebridge.v1.commands.erase", "devicebridge.v1.commands.get", "devicebridge.v1.commands.list",
		"devicebridge.v1.commands.quarantine", "devicebridge.v1.commands.response", "devicebridge.v1.commands.send", "devicebridge.v1.devices.get", "devicebridge.v1.devices.list",
		"devicebridge.v1.signin.get", "devicebridge.v1.signin.replace",
	}; !slices.Equal(subjects, want) {
		t.Errorf("endpoints are %v, want %v", subjects, want)
	}
}

func TestDemoEndsWellAndShowsBothTimelines(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{"demo"}, nil, &out, &errs); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	text := out.String()
	at := 0
	for _, kind := range strings.Fields(launchTimeline + " " + serviceTimeline) {
		i := strings.Index(text[at:], " "+kind+" ")
		if i < 0 {
			t.Fatalf("%s does not follow in:\n%s", kind, text)
		}
		at += i
	}
	if !strings.Contains(text[at:], `"Type":"Ok"`) || !strings.Contains(text, "curl ") || !strings.Contains(text, "nats ") {
		t.Errorf("the payload or the lines to repeat by hand are missing in:\n%s", text)
	}
}
