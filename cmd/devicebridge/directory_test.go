package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/directory"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// directoryBridge answers the directory's endpoints, and nothing else, on an
// embedded server, by what handler says for Graph. It gives the environment of a
// client without credentials.
func directoryBridge(t *testing.T, handler http.HandlerFunc) *cliBridge {
	t.Helper()
	web := httptest.NewServer(handler)
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
	service, err := directory.New(directory.Options{Graph: client})
	if err != nil {
		t.Fatal(err)
	}
	server, err := bus.StartServer(bus.ServerOptions{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	b, err := bus.Connect(t.Context(), bus.Options{Server: server, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	var endpoints []bus.Endpoint
	for _, e := range service.Endpoints() {
		endpoints = append(endpoints, bus.Endpoint{
			Name: e.Name, Handle: func(ctx context.Context, c bus.Call) (any, error) { return e.Handle(ctx, c.Header, c.Data) },
		})
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- b.Serve(ctx, bus.ServiceOptions{Version: "1.0.0", Ready: func() { close(ready) }}, endpoints)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	return &cliBridge{t: t, vars: map[string]string{"NATS_URL": server.URL()}}
}

const directoryDevice = `{"id":"a","deviceId":"d","accountEnabled":false,"displayName":"Jim's","model":null,"operatingSystem":"Windows","rack":7}`

func TestDirectoryOnTheCommandLine(t *testing.T) {
	b := directoryBridge(t, func(w http.ResponseWriter, r *http.Request) {
		body := directoryDevice
		switch r.RequestURI {
		case "/v1.0/devices/a", "/v1.0/devices(deviceId='it%27%27s')":
		case "/v1.0/devices?$select=id,model&$filter=isManaged%20ne%20true&$search=s&$orderby=o&$top=1&$count=true":
			body = `{"@odata.count":2,"value":[` + directoryDevice + `],"@odata.nextLink":"?$skiptoken=1"}`
		case "/v1.0/devices?$skiptoken=1":
			body = `{"value":[{"id":"b"}]}`
		case "/v1.0/devices/missing":
			w.WriteHeader(http.StatusNotFound)
			body = `{"error":{"code":"Request_ResourceNotFound","message":"no such device"}}`
		default:
			t.Errorf("asked %s", r.RequestURI)
		}
		_, _ = fmt.Fprint(w, body)
	})
	out := b.ok("directory", "list", "--select", "id,model", "--filter", "isManaged ne true", "--search", "s", "--orderby", "o", "--top", "1", "--count")
	lines := slices.Collect(strings.Lines(out))
	if len(lines) != 4 || strings.Join(strings.Fields(lines[1]), " ") != "a d Jim's Windows - false" || lines[2] != "count: 2\n" {
		t.Fatalf("list shows %q", lines)
	}
	token := strings.TrimSpace(strings.TrimPrefix(lines[3], "more: --page-token "))
	if out := b.ok("directory", "list", "--page-token", token); strings.Join(strings.Fields(strings.SplitN(out, "\n", 2)[1]), " ") != "b - - - - -" {
		t.Errorf("the second page shows %q", out)
	}
	for _, args := range [][]string{{"directory", "get", "a"}, {"directory", "get", "it's", "--device-id"}} {
		if out := b.ok(args...); cliField(t, out, "name") != "Jim's" || cliField(t, out, "enabled") != "false" || strings.Contains(out, "model") {
			t.Errorf("%v shows %q", args, out)
		}
	}
	if out := b.ok("directory", "get", "a", "--json"); out != `{"device":`+directoryDevice+"}\n" {
		t.Errorf("get --json shows %q", out)
	}
	b.fails(exitRefused, "notFound: Graph answered 404 Request_ResourceNotFound: no such device", "directory", "get", "missing")
	b.fails(exitRefused, "invalid: top is not from 1 to 999", "directory", "list", "--top", "1000")
	b.fails(exitUsage, "accepts 1 arg(s)", "directory", "get")
	b.fails(exitUsage, `"lst" is no command`, "directory", "lst")
	if out := b.ok("directory"); !strings.Contains(out, "devicebridge directory list") {
		t.Errorf("directory shows %q", out)
	}
}

// A client of the embedded server without credentials may ask, and changes
// nothing that was not switched on.
func TestDirectoryOverNATS(t *testing.T) {
	b := directoryBridge(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked %s %s", r.Method, r.RequestURI) })
	err := withBus(t.Context(), b.vars, io.Discard, func(client *bus.Bus) error {
		return client.Request(t.Context(), "directory.devices.registeredOwners.add", map[string]string{"id": "a", "objectId": "u"}, &events.DirectoryDoneReply{}, 0)
	})
	if !events.HasCode(err, events.CodeForbidden) || !strings.Contains(err.Error(), "BRIDGE_DIRECTORY=write") {
		t.Errorf("got %v", err)
	}
}

func TestDirectoryOutputIsSafe(t *testing.T) {
	hostile := events.Some(cliHostile)
	device := events.DirectoryDevice{
		ID: cliHostile, DeviceID: hostile, DisplayName: hostile, OperatingSystem: hostile, OperatingSystemVersion: hostile, Manufacturer: hostile,
		Model: hostile, DeviceOwnership: hostile, TrustType: hostile, ApproximateLastSignInDateTime: hostile,
	}
	for what, write := range map[string]func(io.Writer) error{
		"list": func(w io.Writer) error {
			return writeDirectoryList(w, events.DirectoryListReply{Devices: []events.DirectoryDevice{device}, NextPageToken: cliHostile})
		},
		"get":    func(w io.Writer) error { return writeDirectoryDevice(w, device) },
		"--json": func(w io.Writer) error { return writeJSON(w, device) },
	} {
		var out strings.Builder
		if err := write(&out); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		cliSafe(t, what, out.String())
	}
}
