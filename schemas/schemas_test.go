package schemas_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"devicebridge/events"
	"devicebridge/schemas"
	"devicebridge/schemas/validate"
)

const draft = "https://json-schema.org/draft/2020-12/schema"

func compiled(t *testing.T) *validate.Set {
	t.Helper()
	set, err := validate.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func object(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := schemas.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestNames(t *testing.T) {
	want := "callback-keys-reply callback-request command command-reply device device-reply devices-reply devices-request" +
		" directory-check-request directory-count-reply directory-count-request directory-create-request directory-delta-reply" +
		" directory-delta-request directory-device directory-device-reply directory-done-reply directory-get-request directory-ids-reply" +
		" directory-key-request directory-list-reply directory-list-request directory-membership-request directory-object" +
		" directory-objects-reply directory-objects-request directory-reference-request directory-update-request" +
		" empty-request erase-reply erase-request error id-request inventory-device list-reply list-request postback problem quarantine-reply quarantine-request receipt request response-reply response-request" +
		" signin-reply signin-request"
	if got := strings.Join(schemas.Names(), " "); got != want {
		t.Errorf("names %s, want %s", got, want)
	}
	for _, file := range []string{schemas.AsyncAPI, schemas.OpenAPI, "command.schema.json"} {
		if _, err := fs.Stat(schemas.FS(), file); err != nil {
			t.Error(err)
		}
	}
}

func TestUnknownNameIsAnError(t *testing.T) {
	set := compiled(t)
	for _, name := range []string{"", "no-such", "../events/command", "command.schema.json"} {
		if _, err := schemas.Read(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Read(%q): %v", name, err)
		}
		if text, err := schemas.Text(name); !errors.Is(err, fs.ErrNotExist) || text != "" {
			t.Errorf("Text(%q): %q, %v", name, text, err)
		}
		if err := set.Validate(name, []byte("{}")); err == nil || !strings.Contains(err.Error(), "there is none") {
			t.Errorf("Validate(%q): %v", name, err)
		}
	}
}

func TestEverySchemaIsValidAgainstTheMetaschema(t *testing.T) {
	meta, err := jsonschema.NewCompiler().Compile(draft)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range schemas.Names() {
		schema := object(t, read(t, name))
		if schema["$schema"] != draft {
			t.Errorf("%s: $schema %v", name, schema["$schema"])
		}
		if err := meta.Validate(schema); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := meta.Validate(map[string]any{"type": "text"}); err == nil {
		t.Error("the metaschema takes anything")
	}
}

func TestEverySchemaHasItsID(t *testing.T) {
	if schemas.ID("command") != events.CommandSchema {
		t.Errorf("command has the id %s, events say %s", schemas.ID("command"), events.CommandSchema)
	}
	if schemas.ID("inventory-device") != events.InventorySchema {
		t.Errorf("inventory-device has the id %s, events say %s", schemas.ID("inventory-device"), events.InventorySchema)
	}
	for _, name := range schemas.Names() {
		text, err := schemas.Text(name)
		if err != nil {
			t.Fatal(err)
		}
		if id := object(t, []byte(text))["$id"]; id != "urn:devicebridge:schema:"+name+":v1" {
			t.Errorf("%s: $id %v", name, id)
		}
	}
}

func TestEverythingIsDescribed(t *testing.T) {
	described := 0
	// Conditionals are left out: they repeat a property to add a rule to it.
	var visit func(where string, schema map[string]any)
	visit = func(where string, schema map[string]any) {
		properties, _ := schema["properties"].(map[string]any)
		for name, property := range properties {
			property := property.(map[string]any)
			if text, _ := property["description"].(string); strings.HasSuffix(text, ".") {
				described++
			} else {
				t.Errorf("%s.%s: description %q", where, name, text)
			}
			visit(where+"."+name, property)
		}
	}
	for _, name := range schemas.Names() {
		schema := object(t, read(t, name))
		for _, word := range []string{"title", "description"} {
			if text, _ := schema[word].(string); text == "" {
				t.Errorf("%s has no %s", name, word)
			}
		}
		visit(name, schema)
	}
	if described < 200 {
		t.Errorf("%d properties are described; the walk does not reach them", described)
	}
}

func TestTextStandsOnItsOwn(t *testing.T) {
	for _, name := range schemas.Names() {
		text, err := schemas.Text(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(text, "\n\t") || strings.Contains(text, `\u003`) {
			t.Errorf("%s is not compact", name)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		// Nothing but this one text is known to the compiler.
		compiler := jsonschema.NewCompiler()
		compiler.UseLoader(jsonschema.SchemeURLLoader{})
		if err := compiler.AddResource("mem:///alone", value); err != nil {
			t.Fatal(err)
		}
		schema, err := compiler.Compile("mem:///alone")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, example := range object(t, read(t, name))["examples"].([]any) {
			if err := schema.Validate(example); err != nil {
				t.Errorf("%s, example %d: %v", name, i, err)
			}
		}
		if err := schema.Validate("no object"); err == nil {
			t.Errorf("%s takes a string", name)
		}
	}
}

// takesStrangers reports whether a schema takes an object of members that it
// does not know and nothing else.
func takesStrangers(name string) bool {
	return slices.Contains([]string{"postback", "directory-device", "directory-object", "directory-done-reply"}, name)
}

func TestSetIsSafeForConcurrentUse(t *testing.T) {
	set := compiled(t)
	var all sync.WaitGroup
	for range 4 {
		for _, name := range schemas.Names() {
			all.Go(func() {
				if err := set.Validate(name, []byte(`{"type":"x","command":{"id":1}}`)); (err == nil) != takesStrangers(name) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	all.Wait()
}
