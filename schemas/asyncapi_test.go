package schemas_test

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"devicebridge/events"
	"devicebridge/schemas"
)

func TestAsyncAPICoversEverySubject(t *testing.T) {
	var subjects events.Subjects
	event := strings.NewReplacer("COMMAND", "{command}", "DEVICE", "{device}", "KIND", "{kind}").
		Replace(subjects.Event("COMMAND", "DEVICE", "KIND"))
	device := strings.NewReplacer("DEVICE", "{device}", "KIND", "{kind}").Replace(subjects.Inventory("DEVICE", "KIND"))
	want := []string{event, device, subjects.Intake()}
	for _, endpoint := range []string{
		"commands.send", "commands.get", "commands.response", "commands.list", "commands.cancel", "commands.erase", "commands.quarantine",
		"callbacks.create", "callbacks.keys", "devices.list", "devices.get", "signin.get", "signin.replace",
		"directory.devices.list", "directory.devices.get", "directory.devices.count", "directory.devices.delta",
		"directory.devices.create", "directory.devices.update", "directory.devices.delete",
		"directory.devices.checkMemberObjects", "directory.devices.getMemberObjects",
		"directory.devices.memberOf.list", "directory.devices.transitiveMemberOf.list",
		"directory.devices.registeredOwners.list", "directory.devices.registeredOwners.add", "directory.devices.registeredOwners.remove",
		"directory.devices.registeredUsers.list", "directory.devices.registeredUsers.add", "directory.devices.registeredUsers.remove",
	} {
		want = append(want, subjects.Service(endpoint))
	}
	d := open(t, schemas.AsyncAPI)
	var got []string
	for name, channel := range d.root["channels"].(map[string]any) {
		channel := channel.(map[string]any)
		if address, ok := channel["address"].(string); ok {
			got = append(got, address)
		} else if !strings.HasSuffix(name, "Reply") {
			t.Errorf("channel %s has no address", name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("subjects %v, want %v", got, want)
	}
	description := d.root["info"].(map[string]any)["description"].(string)
	for _, internal := range []string{subjects.AppendTree(), subjects.Timers()} {
		if !strings.Contains(description, "`"+internal+"`") {
			t.Errorf("the description does not say that %s is internal", internal)
		}
	}
	for _, stream := range []string{subjects.EventStream(), subjects.IntakeStream(), subjects.InventoryStream()} {
		if !strings.Contains(string(marshal(t, d.root["channels"])), "`"+stream+"`") {
			t.Errorf("no channel names the stream %s", stream)
		}
	}
	if bucket := subjects.ResponseBucket(); !strings.Contains(string(marshal(t, d.root["operations"])), "`"+bucket+"`") {
		t.Errorf("no operation names the object store %s", bucket)
	}
}

func TestAsyncAPIStructure(t *testing.T) {
	d := open(t, schemas.AsyncAPI)
	if version, _ := d.root["asyncapi"].(string); !strings.HasPrefix(version, "3.") {
		t.Errorf("asyncapi %v", d.root["asyncapi"])
	}
	info, _ := d.root["info"].(map[string]any)
	if info["title"] == nil || info["version"] == nil || d.root["defaultContentType"] != "application/json" {
		t.Errorf("info %v, default content type %v", info, d.root["defaultContentType"])
	}
	parameter := regexp.MustCompile(`{(\w+)}`)
	for name, channel := range d.root["channels"].(map[string]any) {
		channel := channel.(map[string]any)
		messages, _ := channel["messages"].(map[string]any)
		if len(messages) == 0 {
			t.Errorf("channel %s has no messages", name)
		}
		var named []string
		address, _ := channel["address"].(string)
		for _, match := range parameter.FindAllStringSubmatch(address, -1) {
			named = append(named, match[1])
		}
		parameters, _ := channel["parameters"].(map[string]any)
		if declared := slices.Sorted(maps.Keys(parameters)); !slices.Equal(declared, slices.Sorted(slices.Values(named))) {
			t.Errorf("channel %s declares %v, its address has %v", name, declared, named)
		}
	}
	for name, message := range d.root["components"].(map[string]any)["messages"].(map[string]any) {
		message := message.(map[string]any)
		if examples, _ := message["examples"].([]any); len(examples) == 0 || message["payload"] == nil || message["summary"] == nil {
			t.Errorf("message %s has %d examples, payload %v, summary %v", name, len(examples), message["payload"], message["summary"])
		}
	}
}

func TestAsyncAPIOperations(t *testing.T) {
	d := open(t, schemas.AsyncAPI)
	used := make(map[string]bool)
	// side checks one side of an operation: a channel, and messages of that channel.
	side := func(operation string, node map[string]any) {
		channel, _ := node["channel"].(map[string]any)["$ref"].(string)
		if _, ok := d.at(channel); !ok || !strings.HasPrefix(channel, "#/channels/") {
			t.Errorf("operation %s: no channel %s", operation, channel)
		}
		used[strings.TrimPrefix(channel, "#/channels/")] = true
		messages, _ := node["messages"].([]any)
		if len(messages) == 0 {
			t.Errorf("operation %s: no messages in %s", operation, channel)
		}
		for _, message := range messages {
			if ref, _ := message.(map[string]any)["$ref"].(string); !strings.HasPrefix(ref, channel+"/messages/") {
				t.Errorf("operation %s: %s is not of %s", operation, ref, channel)
			}
		}
	}
	for name, operation := range d.root["operations"].(map[string]any) {
		operation := operation.(map[string]any)
		side(name, operation)
		reply, replies := operation["reply"].(map[string]any)
		switch action := operation["action"]; {
		case action == "send" && !replies:
		case action == "receive" && replies:
			side(name, reply)
			_, fails := d.at(reply["channel"].(map[string]any)["$ref"].(string) + "/messages/error")
			if fails == (name == "takeFromIntake") {
				t.Errorf("operation %s: an error reply: %t", name, fails)
			}
		default:
			t.Errorf("operation %s: action %v, reply %t", name, action, replies)
		}
		if operation["summary"] == nil {
			t.Errorf("operation %s has no summary", name)
		}
	}
	if channels := d.root["channels"].(map[string]any); len(used) != len(channels) {
		t.Errorf("%d channels, %d are used by operations", len(channels), len(used))
	}
}

func TestAsyncAPIKinds(t *testing.T) {
	d := open(t, schemas.AsyncAPI)
	parameters, _ := d.at("#/channels/events/parameters")
	var kinds, kindTypes []string
	for _, kind := range events.Kinds() {
		kinds = append(kinds, string(kind))
		kindTypes = append(kindTypes, events.EventType(kind))
	}
	if got := texts(parameters["kind"].(map[string]any)["enum"]); !slices.Equal(got, kinds) {
		t.Errorf("kinds %v, want %v", got, kinds)
	}
	ceType, _ := d.at("#/components/schemas/eventHeaders/properties/ce-type")
	if got := texts(ceType["enum"]); !slices.Equal(got, kindTypes) {
		t.Errorf("types %v, want %v", got, kindTypes)
	}
	for name, valid := range map[string]func(string) bool{
		"command": events.ValidCommandID,
		"device":  regexp.MustCompile(`^([A-Za-z0-9_-]|%[0-9A-F]{2})+$`).MatchString,
		"kind":    func(text string) bool { return slices.Contains(kinds, text) },
	} {
		examples := texts(parameters[name].(map[string]any)["examples"])
		if len(examples) == 0 || slices.ContainsFunc(examples, func(text string) bool { return !valid(text) }) {
			t.Errorf("examples of %s: %v", name, examples)
		}
	}
}

func TestAsyncAPIExamples(t *testing.T) {
	d := open(t, schemas.AsyncAPI)
	if count := d.checkExamples(t); count < 60 {
		t.Errorf("%d examples are checked", count)
	}
	goTypes, decoded := types(), 0
	for name, message := range d.root["components"].(map[string]any)["messages"].(map[string]any) {
		message := message.(map[string]any)
		payload := message["payload"].(map[string]any)
		// Without this the payload would be read as draft-07.
		if payload["schemaFormat"] != "application/schema+json;version=draft-2020-12" {
			t.Errorf("message %s: the format of its payload is %v", name, payload["schemaFormat"])
		}
		file, _ := payload["schema"].(map[string]any)["$ref"].(string)
		goType, ours := goTypes[strings.TrimSuffix(strings.TrimPrefix(file, "./"), ".schema.json")]
		if !ours {
			continue
		}
		for _, example := range message["examples"].([]any) {
			strict(t, name, example.(map[string]any)["payload"], reflect.New(reflect.TypeOf(goType)).Interface())
			decoded++
		}
	}
	if decoded < 50 {
		t.Errorf("%d payloads are decoded", decoded)
	}
}

// The headers that an example of an event shows are those that the codec writes
// for the body it shows.
func TestAsyncAPIEventsAreWhatTheCodecWrites(t *testing.T) {
	d := open(t, schemas.AsyncAPI)
	message, _ := d.at("#/components/messages/event")
	for _, example := range message["examples"].([]any) {
		example := example.(map[string]any)
		var c events.Command
		strict(t, "event", example["payload"], &c)
		header, _, err := events.Subjects{}.Encode(events.Kind(example["name"].(string)), c)
		if err != nil {
			t.Fatal(err)
		}
		shown := maps.Clone(example["headers"].(map[string]any))
		delete(shown, events.HeaderWriter) // the bus writes it
		for name, values := range header {
			if shown[name] != values[0] {
				t.Errorf("%s: %s is %v, the codec writes %s", example["name"], name, shown[name], values[0])
			}
			delete(shown, name)
		}
		if len(shown) > 0 {
			t.Errorf("%s: the codec does not write %v", example["name"], shown)
		}
	}
}

func TestEveryEventFitsTheDocuments(t *testing.T) {
	d, set := open(t, schemas.AsyncAPI), compiled(t)
	for _, kind := range events.Kinds() {
		state := events.State(kind)
		if !slices.Contains(events.States(), state) {
			state = events.StateExecuting
		}
		at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
		c := events.Command{
			ID: events.RandomCommandID(), CorrelationID: "Grüße, \"100 %\"", DeviceID: "JimSurface.1 *", Type: events.TypeLaunchURI,
			State: state, Terminal: state.Terminal(), Round: 1, Response: events.ResponseNone, Sequence: 17, Source: events.SourcePoll,
			CreatedAt: at, UpdatedAt: at, ExpiresAt: at.Add(time.Hour),
		}
		if state == events.StateDeferred {
			c.RetryAt = new(at.Add(time.Minute))
		}
		if state == events.StateErased {
			c.CorrelationID, c.Type, c.Erased = "", "", &events.Erasure{State: events.StateTimedOut, Events: []uint64{1}}
		}
		subjects, err := events.NewSubjects("acme_1.v2")
		if err != nil {
			t.Fatal(err)
		}
		header, body, err := subjects.Encode(kind, c)
		if err != nil {
			t.Fatal(err)
		}
		first := make(map[string]string)
		for name, values := range header {
			first[name] = values[0]
		}
		d.check(t, "/components/schemas/eventHeaders", first)
		if err := set.Validate("command", body); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
