package schemas_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"devicebridge/events"
	"devicebridge/schemas"
)

// types gives the Go type of each schema that has one.
func types() map[string]any {
	return map[string]any{
		"request":            events.Request{},
		"command":            events.Command{},
		"receipt":            events.Receipt{},
		"error":              events.ErrorReply{},
		"callback-request":   events.CallbackRequest{},
		"id-request":         events.IDRequest{},
		"command-reply":      events.CommandReply{},
		"response-request":   events.ResponseRequest{},
		"response-reply":     events.ResponseReply{},
		"list-request":       events.ListRequest{},
		"list-reply":         events.ListReply{},
		"erase-request":      events.EraseRequest{},
		"erase-reply":        events.EraseReply{},
		"quarantine-request": events.QuarantineRequest{},
		"quarantine-reply":   events.QuarantineReply{},
		"device":             events.Device{},
		"devices-request":    events.DevicesRequest{},
		"empty-request":      struct{}{},
		"devices-reply":      events.DevicesReply{},
		"device-reply":       events.DeviceReply{},

		"directory-device":             events.DirectoryDevice{},
		"directory-object":             events.DirectoryObject{},
		"directory-list-request":       events.DirectoryListRequest{},
		"directory-list-reply":         events.DirectoryListReply{},
		"directory-get-request":        events.DirectoryGetRequest{},
		"directory-device-reply":       events.DirectoryDeviceReply{},
		"directory-create-request":     events.DirectoryCreateRequest{},
		"directory-update-request":     events.DirectoryUpdateRequest{},
		"directory-key-request":        events.DirectoryKeyRequest{},
		"directory-done-reply":         events.DirectoryDoneReply{},
		"directory-count-request":      events.DirectoryCountRequest{},
		"directory-count-reply":        events.DirectoryCountReply{},
		"directory-delta-request":      events.DirectoryDeltaRequest{},
		"directory-delta-reply":        events.DirectoryDeltaReply{},
		"directory-objects-request":    events.DirectoryObjectsRequest{},
		"directory-objects-reply":      events.DirectoryObjectsReply{},
		"directory-reference-request":  events.DirectoryReferenceRequest{},
		"directory-check-request":      events.DirectoryCheckRequest{},
		"directory-membership-request": events.DirectoryMembershipRequest{},
		"directory-ids-reply":          events.DirectoryIDsReply{},
		"signin-request":               events.SignInRequest{},
		"signin-reply":                 events.SignInReply{},
		"callback-keys-reply":          events.CallbackKeysReply{},
	}
}

func TestSchemasHaveTheMembersOfTheGoTypes(t *testing.T) {
	for name, value := range types() {
		compareMembers(t, name, object(t, read(t, name)), reflect.TypeOf(value))
	}
	command := object(t, read(t, "command"))["properties"].(map[string]any)
	compareMembers(t, "command.error", command["error"], reflect.TypeFor[events.Error]())
	compareMembers(t, "command.responseRef", command["responseRef"], reflect.TypeFor[events.ObjectRef]())
	compareMembers(t, "command.erased", command["erased"], reflect.TypeFor[events.Erasure]())
	erasure := object(t, read(t, "erase-reply"))["properties"].(map[string]any)
	compareMembers(t, "erase-reply.erased", erasure["erased"], reflect.TypeFor[events.Erased]())
	reply := object(t, read(t, "error"))["properties"].(map[string]any)
	compareMembers(t, "error.error", reply["error"], reflect.TypeFor[events.Error]())
	device := object(t, read(t, "directory-device"))["properties"].(map[string]any)
	compareMembers(t, "directory-device.extensionAttributes", device["extensionAttributes"], reflect.TypeFor[events.ExtensionAttributes]())
	compareMembers(t, "directory-device.extensions", items(device["extensions"]), reflect.TypeFor[events.Extension]())
	compareMembers(t, "directory-device.alternativeSecurityIds", items(device["alternativeSecurityIds"]), reflect.TypeFor[events.AlternativeSecurityID]())
	delta := object(t, read(t, "directory-delta-reply"))["properties"].(map[string]any)
	compareMembers(t, "directory-delta-reply.removed", items(delta["removed"]), reflect.TypeFor[events.RemovedDevice]())
	signIn := object(t, read(t, "signin-reply"))["properties"].(map[string]any)
	keys := object(t, read(t, "callback-keys-reply"))["properties"].(map[string]any)
	compareMembers(t, "callback-keys-reply.keys", items(keys["keys"]), reflect.TypeFor[events.CallbackKey]())
	compareMembers(t, "signin-reply.signIn", signIn["signIn"], reflect.TypeFor[events.SignIn]())
}

func items(list any) any { return list.(map[string]any)["items"] }

// compareMembers asks for the same members on both sides, and that what the
// schema requires is what Go always writes.
func compareMembers(t *testing.T, where string, schema any, goType reflect.Type) {
	t.Helper()
	o := schema.(map[string]any)
	properties, _ := o["properties"].(map[string]any)
	var all, always []string
	for field := range goType.Fields() {
		if !field.IsExported() {
			continue // no member of the JSON
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		all = append(all, name)
		if options != "omitempty" && options != "omitzero" {
			always = append(always, name)
		}
	}
	if got, want := slices.Sorted(maps.Keys(properties)), slices.Sorted(slices.Values(all)); !slices.Equal(got, want) {
		t.Errorf("%s: the schema has %v, Go has %v", where, got, want)
	}
	required := words(o["required"])
	if where == "request" {
		// What Go calls optional so that it can tell its absence by name.
		always = append(always, "payload")
	}
	slices.Sort(required)
	slices.Sort(always)
	if !slices.Equal(required, always) {
		t.Errorf("%s: the schema requires %v, Go always writes %v", where, required, always)
	}
}

func words(list any) []string {
	items, _ := list.([]any)
	var all []string
	for _, item := range items {
		all = append(all, item.(string))
	}
	return all
}

func TestEnumsAreThoseOfTheVocabulary(t *testing.T) {
	property := func(name string, path ...string) []string {
		var node any = object(t, read(t, name))
		for _, step := range path {
			node = node.(map[string]any)["properties"].(map[string]any)[step]
		}
		return slices.Sorted(slices.Values(words(node.(map[string]any)["enum"])))
	}
	var states, terminal []string
	for _, s := range events.States() {
		states = append(states, string(s))
		if s.Terminal() {
			terminal = append(terminal, string(s))
		}
	}
	slices.Sort(states)
	slices.Sort(terminal)
	for _, name := range []string{"command", "list-request"} {
		if got := property(name, "state"); !slices.Equal(got, states) {
			t.Errorf("%s.state: %v, want %v", name, got, states)
		}
	}
	first := object(t, read(t, "command"))["allOf"].([]any)[0].(map[string]any)["if"].(map[string]any)["properties"]
	got := words(first.(map[string]any)["state"].(map[string]any)["enum"])
	if slices.Sort(got); !slices.Equal(got, terminal) {
		t.Errorf("terminal states: %v, want %v", got, terminal)
	}
	codes := []string{"conflict", "forbidden", "invalid", "notFound", "tooLarge", "unavailable"}
	if got := property("error", "error", "code"); !slices.Equal(got, codes) {
		t.Errorf("codes: %v, want %v", got, codes)
	}
}

func TestExamples(t *testing.T) {
	set, goTypes := compiled(t), types()
	for _, name := range schemas.Names() {
		examples, _ := object(t, read(t, name))["examples"].([]any)
		if len(examples) == 0 {
			t.Errorf("%s has no examples", name)
		}
		for i, example := range examples {
			text := marshal(t, example)
			if err := set.Validate(name, text); err != nil {
				t.Errorf("example %d: %v", i, err)
			}
			if goTypes[name] == nil {
				continue
			}
			value := reflect.New(reflect.TypeOf(goTypes[name])).Interface()
			strict(t, name, example, value)
			if err := set.Validate(name, marshal(t, value)); err != nil {
				t.Errorf("example %d, as Go writes it: %v", i, err)
			}
		}
	}
}
