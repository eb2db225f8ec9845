package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/authority"
	emulated "devicebridge/bridge/graph/emulator/directory"
	"devicebridge/events"
	"devicebridge/schemas/validate"
)

// cliDirectory runs a bridge that has no commands, signed in as an application by a
// secret, on the emulator's directory.
func cliDirectory(t *testing.T, o emulated.Options, more map[string]string) (*cliBridge, *emulated.Directory) {
	t.Helper()
	a := cliStartAuthority(t, authority.Options{})
	o.Authorize = authorizeBy(a.Authority)
	d, err := emulated.New(o)
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.New(emulator.Options{Authorize: authorizeBy(a.Authority), Directory: d})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e)
	t.Cleanup(func() { server.Close(); _ = e.Close() })
	vars := map[string]string{
		"BRIDGE_COMMANDS": "off", "BRIDGE_GRAPH_AUTH": "client-secret", "BRIDGE_GRAPH_TOKEN": "", "BRIDGE_DIRECTORY": "read",
	}
	maps.Copy(vars, a.vars)
	maps.Copy(vars, map[string]string{
		"AZURE_CLIENT_ID": authority.DirectoryApp, "AZURE_TENANT_ID": authority.Tenant, "AZURE_CLIENT_SECRET": authority.DirectorySecret,
	})
	maps.Copy(vars, more)
	return cliRunBridge(t, server.URL+"/beta", vars), d
}

// ask asks an endpoint as a plain NATS client does.
func (b *cliBridge) ask(nc *nats.Conn, endpoint, request string, reply any) error {
	b.t.Helper()
	answer, err := nc.Request("devicebridge.v1."+endpoint, []byte(request), 10*time.Second)
	if err != nil {
		return err
	}
	if answer.Header.Get("Nats-Service-Error-Code") != "" {
		return errors.New(answer.Header.Get("Nats-Service-Error") + string(answer.Data))
	}
	return json.Unmarshal(answer.Data, reply)
}

// TestTheDirectory asks every endpoint of the directory over NATS, without
// credentials, and looks at what became of it in Graph.
func TestTheDirectory(t *testing.T) {
	b, d := cliDirectory(t, emulated.Options{}, map[string]string{"BRIDGE_DIRECTORY": "write"})
	nc, err := nats.Connect(b.vars["NATS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	must := func(endpoint, request string, reply any) {
		t.Helper()
		if err := b.ask(nc, "directory.devices."+endpoint, request, reply); err != nil {
			t.Fatalf("%s %s: %v", endpoint, request, err)
		}
	}
	var ids []string
	for token := ""; ; {
		var page events.DirectoryListReply
		request := `{"select":["id","displayName"],"orderby":"displayName","top":5,"count":true}`
		if token != "" {
			request = fmt.Sprintf(`{"pageToken":%q}`, token)
		}
		must("list", request, &page)
		for _, device := range page.Devices {
			ids = append(ids, device.ID)
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	if len(ids) != len(d.Devices()) {
		t.Fatalf("listed are %d devices of %d", len(ids), len(d.Devices()))
	}
	var count events.DirectoryCountReply
	must("count", `{}`, &count)
	if int(count.Count) != len(ids) {
		t.Errorf("counted are %d", count.Count)
	}
	var created events.DirectoryDeviceReply
	must("create", `{"device":{"accountEnabled":true,"alternativeSecurityIds":[{"type":2,"key":"Y3YxN2E1MWFlYw=="}],"deviceId":"4c299165-6e8f-4b45-a5ba-c5d250a707ff",
		"displayName":"New","operatingSystem":"Linux","operatingSystemVersion":"1"}}`, &created)
	id := created.Device.ID
	var done events.DirectoryDoneReply
	must("update", fmt.Sprintf(`{"id":%q,"changes":{"displayName":"Renamed"}}`, id), &done)
	var got events.DirectoryDeviceReply
	must("get", `{"deviceId":"4c299165-6e8f-4b45-a5ba-c5d250a707ff"}`, &got)
	if name, _ := got.Device.DisplayName.Get(); name != "Renamed" || got.Device.ID != id {
		t.Errorf("the device is %+v", got.Device)
	}
	var delta events.DirectoryDeltaReply
	must("delta", `{"latest":true}`, &delta)
	must("update", fmt.Sprintf(`{"id":%q,"changes":{"displayName":"Again"}}`, id), &done)
	must("delta", fmt.Sprintf(`{"pageToken":%q}`, delta.DeltaToken), &delta)
	if len(delta.Devices) != 1 || delta.Devices[0].ID != id || delta.DeltaToken == "" {
		t.Errorf("the delta is %+v", delta)
	}
	for _, relationship := range []string{"memberOf", "transitiveMemberOf", "registeredOwners", "registeredUsers"} {
		var objects events.DirectoryObjectsReply
		must(relationship+".list", fmt.Sprintf(`{"id":%q}`, id), &objects)
		if len(objects.Objects) != 0 {
			t.Errorf("a new device has %s %+v", relationship, objects.Objects)
		}
	}
	user := ""
	for _, other := range ids {
		var owners events.DirectoryObjectsReply
		must("registeredOwners.list", fmt.Sprintf(`{"id":%q}`, other), &owners)
		if len(owners.Objects) > 0 {
			user = owners.Objects[0].ID
			break
		}
	}
	for _, relationship := range []string{"registeredOwners", "registeredUsers"} {
		var objects events.DirectoryObjectsReply
		must(relationship+".add", fmt.Sprintf(`{"id":%q,"objectId":%q}`, id, user), &done)
		must(relationship+".list", fmt.Sprintf(`{"id":%q}`, id), &objects)
		if len(objects.Objects) != 1 || objects.Objects[0].ID != user {
			t.Errorf("%s are %+v", relationship, objects.Objects)
		}
		must(relationship+".remove", fmt.Sprintf(`{"id":%q,"objectId":%q}`, id, user), &done)
	}
	var groups, checked events.DirectoryIDsReply
	for _, other := range ids {
		if must("getMemberObjects", fmt.Sprintf(`{"id":%q}`, other), &groups); len(groups.IDs) > 0 {
			must("checkMemberObjects", fmt.Sprintf(`{"id":%q,"ids":[%q,%q]}`, other, groups.IDs[0], user), &checked)
			break
		}
	}
	if len(groups.IDs) == 0 || !slices.Equal(checked.IDs, groups.IDs[:1]) {
		t.Errorf("groups %v, checked %v", groups.IDs, checked.IDs)
	}
	// Graph lets no application delete a device.
	err = b.ask(nc, "directory.devices.delete", fmt.Sprintf(`{"id":%q}`, id), &done)
	if err == nil || !strings.Contains(err.Error(), "forbidden") || !strings.Contains(err.Error(), "Directory.AccessAsUser.All") {
		t.Errorf("delete: %v", err)
	}
	if err := b.ask(nc, "commands.list", `{}`, &done); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("a bridge without commands answers commands.list: %v", err)
	}
}

func TestADirectoryThatIsOnlyRead(t *testing.T) {
	b, d := cliDirectory(t, emulated.Options{}, nil)
	nc, err := nats.Connect(b.vars["NATS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	id, _ := d.Devices()[0]["id"].(string)
	err = b.ask(nc, "directory.devices.update", fmt.Sprintf(`{"id":%q,"changes":{"displayName":"X"}}`, id), new(events.DirectoryDoneReply))
	if err == nil || !strings.Contains(err.Error(), "BRIDGE_DIRECTORY=write") {
		t.Error(err)
	}
	if out := b.ok("whoami"); !strings.Contains(out, "client-secret") || !strings.Contains(out, "usable") {
		t.Error(out)
	}
}

// TestTheInventory follows 5,000 devices through their first sync, ten changes, a
// deletion, and a delta token that Graph forgot, as a consumer without credentials
// sees them.
func TestTheInventory(t *testing.T) {
	for _, expiry := range emulated.Expiries() {
		t.Run(string(expiry), func(t *testing.T) {
			t.Parallel()
			testInventory(t, expiry)
		})
	}
}

func testInventory(t *testing.T, expiry emulated.Expiry) {
	const devices = 5000
	b, d := cliDirectory(t, emulated.Options{Devices: []emulated.Entry{}, DeltaExpiry: expiry},
		map[string]string{"BRIDGE_INVENTORY": "on", "BRIDGE_INVENTORY_EVERY": "200ms"})
	all, err := d.Generate(devices)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(b.vars["NATS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.CreateOrUpdateConsumer(t.Context(), "DEVICEBRIDGE_V1_INVENTORY", jetstream.ConsumerConfig{
		FilterSubject: "devicebridge.v1.inventory.>", AckPolicy: jetstream.AckNonePolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	set, err := validate.Compile()
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]int{}
	next := func() (kind, id string) {
		t.Helper()
		m, err := messages.Next()
		if err != nil {
			t.Fatal(err)
		}
		tokens := strings.Split(m.Subject(), ".")
		kind = tokens[len(tokens)-1]
		device, number, _ := strings.Cut(m.Headers().Get("ce-id"), ".")
		n, err := strconv.Atoi(number)
		if err != nil || n != last[device]+1 || m.Headers().Get("ce-type") != "devicebridge.inventory.device."+kind+".v1" {
			t.Fatalf("after event %d of the device comes %v", last[device], m.Headers())
		}
		last[device] = n
		var body struct{ ID string }
		if err := json.Unmarshal(m.Data(), &body); err != nil || body.ID != device {
			t.Fatalf("%s holds %s", m.Headers().Get("ce-id"), m.Data())
		}
		if err := set.Validate("inventory-device", m.Data()); err != nil {
			t.Fatalf("%s: %v", m.Headers().Get("ce-id"), err)
		}
		return kind, device
	}
	expect := func(what, kind string, ids []string) {
		t.Helper()
		seen := map[string]bool{}
		for range ids {
			gotKind, id := next()
			if gotKind != kind || seen[id] || !slices.Contains(ids, id) {
				t.Fatalf("%s: %s of %s (seen before: %v)", what, gotKind, id, seen[id])
			}
			seen[id] = true
		}
	}
	index := map[string]bool{}
	for range devices {
		kind, id := next()
		if kind != "created" || index[id] {
			t.Fatalf("first sync: %s of %s", kind, id)
		}
		index[id] = true
	}
	for _, id := range all {
		if !index[id] {
			t.Fatalf("first sync: %s is missing", id)
		}
	}
	changed, err := d.Change(10)
	if err != nil {
		t.Fatal(err)
	}
	expect("ten changes", "updated", changed)
	gone := all[devices/2]
	if err := d.Delete(gone, true); err != nil {
		t.Fatal(err)
	}
	expect("a deletion", "deleted", []string{gone})

	d.ExpireDeltaTokens()
	cliUntil(t, b.admin+"/metrics", 200, "\ndevicebridge_inventory_resyncs_total 1\n")
	// Everything is read anew, and nothing is said of it: the next event is the next
	// change.
	again, err := d.Change(3)
	if err != nil {
		t.Fatal(err)
	}
	expect("after the resync", "updated", again)
	extra, err := d.Generate(1)
	if err != nil {
		t.Fatal(err)
	}
	expect("a new device", "created", extra)
}
