package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/sdk/trace"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
	"devicebridge/schemas/validate"
)

// rig is a whole bridge on real parts: the embedded NATS server, the webhook on
// a TCP port, Graph's side over HTTP, and a client that connects from outside
// without credentials.
type rig struct {
	t         *testing.T
	emulator  *emulator.Emulator // nil with another Graph
	publicURL string
	nats      string
	client    *bus.Bus
	config    config
}

// rigOptions change the rig from its defaults.
type rigOptions struct {
	emulator emulator.Options
	// graph stands in the emulator's place.
	graph http.Handler
	vars  map[string]string
	// spans, if not nil, is where spans go.
	spans trace.SpanProcessor
}

// device is the emulator's device whose commands the test drives by itself.
const device = "6841b3db-2b55-467b-ad84-79a41a4ef665"

// startRig starts a bridge and stops it, checked, with the test. Every event
// that it published is validated then.
func startRig(t *testing.T, o rigOptions) *rig {
	t.Helper()
	r := &rig{t: t}
	graph := o.graph
	if graph == nil {
		if o.emulator.StepDelay == 0 {
			o.emulator.StepDelay = -1
		}
		if o.emulator.Devices == nil {
			o.emulator.Devices = emulator.DefaultDevices()
			o.emulator.Devices[0].Script = []emulator.Step{} // driven by drive
		}
		e, err := emulator.New(o.emulator)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		r.emulator, graph = e, e
	}
	server := httptest.NewServer(graph)
	t.Cleanup(server.Close)
	hook, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.publicURL = "http://" + hook.Addr().String()
	vars := map[string]string{
		"BRIDGE_PUBLIC_URL": r.publicURL, "BRIDGE_GRAPH_URL": server.URL + "/beta",
		"BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "static-token-of-the-test",
		"BRIDGE_DATA_DIR": t.TempDir(), "BRIDGE_NATS_LISTEN": "127.0.0.1:0", "BRIDGE_NATS_SYNC": "interval",
		"BRIDGE_ADMIN_ADDR": "127.0.0.1:0",
	}
	maps.Copy(vars, o.vars)
	if r.config, err = loadServe(vars); err != nil {
		t.Fatal(err)
	}
	r.config.Traces.spans = o.spans
	r.run(hook)
	client := r.config.clientConfig
	client.NATS.URL = r.nats
	if r.client, err = bus.Connect(t.Context(), busOptions(client, nil, slog.New(slog.DiscardHandler))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.client.Close(context.Background()) })
	t.Cleanup(r.validateEverything)
	return r
}

func (r *rig) run(hook net.Listener) {
	r.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan started, 1), make(chan error, 1)
	log := slog.New(slog.NewTextHandler(r.t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	go func() { done <- runBridge(ctx, r.config, hook, log, func(s started) { ready <- s }) }()
	select {
	case s := <-ready:
		r.nats = s.NATS
	case err := <-done:
		stop()
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			r.t.Errorf("the bridge did not stop cleanly: %v", err)
		}
	})
}

// validateEverything holds every event of the stream against its schema and its
// subject, and every command's sequence against gaps.
func (r *rig) validateEverything() {
	set, err := validate.Compile()
	if err != nil {
		r.t.Fatal(err)
	}
	last := map[string]int{}
	err = r.client.Follow(context.Background(), bus.FollowOptions{All: true, Latest: true}, func(e events.Stored) error {
		body, err := json.Marshal(e.Command)
		if err != nil {
			return err
		}
		if err := set.Validate("command", body); err != nil {
			r.t.Errorf("event %s (%s): %v", e.Command.EventID(), e.Kind, err)
		}
		if e.Command.Sequence != last[e.Command.ID]+1 {
			r.t.Errorf("command %s: n goes from %d to %d", e.Command.ID, last[e.Command.ID], e.Command.Sequence)
		}
		last[e.Command.ID] = e.Command.Sequence
		return nil
	})
	if err != nil {
		r.t.Errorf("read the stream: %v", err)
	}
}

// launchURI and appService are requests that the emulator accepts.
func launchURI(requestID string) events.Request {
	return events.Request{
		RequestID: requestID, DeviceID: device, Type: "launchUri", Payload: json.RawMessage(`{"uri":"https://example.com/?a=1&b=%3C2%3E"}`),
	}
}

func appService(requestID string) events.Request {
	return events.Request{
		RequestID: requestID, DeviceID: device, Type: "AppService", Payload: json.RawMessage(`{"Type":"Toast","Title":"Hello"}`),
		AppServiceName: "com.example.ping", PackageFamilyName: "Example.App_8wekyb3d8bbwe",
	}
}

func (r *rig) send(request any) (events.Receipt, error) {
	var receipt events.Receipt
	err := r.client.Request(r.t.Context(), "commands.send", request, &receipt, 0)
	return receipt, err
}

func (r *rig) mustSend(request events.Request) events.Receipt {
	r.t.Helper()
	receipt, err := r.send(request)
	if err != nil {
		r.t.Fatal(err)
	}
	return receipt
}

// until follows a command from its first event until one satisfies stop, and
// gives all of them.
func (r *rig) until(id string, stop func(events.Stored) bool) []events.Stored {
	r.t.Helper()
	var list []events.Stored
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	filter := r.client.Subjects().CommandFilter(id)
	err := r.client.Follow(ctx, bus.FollowOptions{Filter: filter, All: true}, func(e events.Stored) error {
		if list = append(list, e); stop(e) {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		r.t.Fatalf("command %s did not get there: %v; events so far: %s", id, err, kinds(list))
	}
	return list
}

// toTheEnd follows a command until it has ended.
func (r *rig) toTheEnd(id string) []events.Stored {
	r.t.Helper()
	return r.until(id, func(e events.Stored) bool { return e.Command.Ended() })
}

// drive takes a command of device through the default script, once the answer to
// its POST is stored: the emulator without delays could be quicker than that.
func (r *rig) drive(id string) {
	r.t.Helper()
	list := r.until(id, func(e events.Stored) bool { return e.Command.GraphID != "" })
	for _, step := range emulator.DefaultScript() {
		if err := r.emulator.Drive(list[len(list)-1].Command.GraphID, step); err != nil {
			r.t.Fatal(err)
		}
	}
}

// kinds gives the kinds of events in one line.
func kinds(list []events.Stored) string {
	var words []string
	for _, e := range list {
		words = append(words, string(e.Kind))
	}
	return strings.Join(words, " ")
}

// wantTimeline drives a command of device and compares the kinds of its events.
func (r *rig) wantTimeline(id, want string) []events.Stored {
	r.t.Helper()
	r.drive(id)
	list := r.toTheEnd(id)
	if got := kinds(list); got != want {
		r.t.Errorf("timeline is %q, want %q", got, want)
	}
	return list
}

// connect gives a plain NATS connection without credentials.
func (r *rig) connect() *nats.Conn {
	r.t.Helper()
	nc, err := nats.Connect(r.nats)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	return nc
}

// taken counts the commands that the emulator took, by device.
func (r *rig) taken() int {
	return len(slices.DeleteFunc(r.emulator.Commands(), func(c emulator.Received) bool { return !c.Taken }))
}

// callbackURL gives the callback of the n-th POST the emulator saw.
func (r *rig) callbackURL(n int) string {
	r.t.Helper()
	var body struct{ PostBackURI string }
	if err := json.Unmarshal(r.emulator.Commands()[n].Body, &body); err != nil || body.PostBackURI == "" {
		r.t.Fatalf("POST %d has no callback: %v", n, err)
	}
	return body.PostBackURI
}

// post sends a postback by hand and gives the status and the body of the answer.
func (r *rig) post(url, body string) (int, http.Header, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}
