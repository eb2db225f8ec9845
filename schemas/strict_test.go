package schemas_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"devicebridge/events"
)

// strict decodes an example into a Go value and asks for the same JSON back, and
// for no member that the Go type has not: the schemas of records and replies are
// open and would not see a misspelled one, and records keep it.
func strict(t *testing.T, name string, example, into any) {
	t.Helper()
	if err := json.Unmarshal(marshal(t, example), into); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if back := object(t, marshal(t, into)); !reflect.DeepEqual(any(back), example) {
		t.Errorf("%s: the example is\n%v, Go makes it\n%v", name, example, back)
	}
	if unknown := strangers("", example, reflect.TypeOf(into)); len(unknown) > 0 {
		t.Errorf("%s: Go does not know %v", name, unknown)
	}
}

// strangers gives the paths of the members of a JSON value that have no field in
// the Go type, in order.
func strangers(path string, value any, goType reflect.Type) []string {
	if goType.Kind() == reflect.Pointer {
		return strangers(path, value, goType.Elem())
	}
	if get, optional := goType.MethodByName("Get"); optional { // an events.Optional
		return strangers(path, value, get.Type.Out(0))
	}
	var found []string
	switch value := value.(type) {
	case map[string]any:
		if goType.Kind() != reflect.Struct {
			return nil // raw JSON, whose members are the caller's
		}
		known := make(map[string]reflect.Type)
		for field := range goType.Fields() {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
				known[name] = field.Type
			}
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if known[name] == nil {
				found = append(found, path+name)
				continue
			}
			found = append(found, strangers(path+name+".", value[name], known[name])...)
		}
	case []any:
		for i, item := range value {
			found = append(found, strangers(path+strconv.Itoa(i)+".", item, goType.Elem())...)
		}
	}
	return found
}

func TestStrangers(t *testing.T) {
	example := object(t, []byte(`{"cursor":"1","Cursor":"2","commands":[{"id":"x","payload":{"a":{"b":1}},"responsePayload":[{"c":2}],"seen":["s"]},
		{"mood":1,"error":{"code":"c","hint":1},"responseRef":{"codec":"zstd"}}]}`))
	want := []string{"Cursor", "commands.1.error.hint", "commands.1.mood", "commands.1.responseRef.codec"}
	if got := strangers("", example, reflect.TypeFor[*events.ListReply]()); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	device := object(t, []byte(`{"model":"m","mood":1,"memberOf":[{"id":"x","name":"y"}],"extensionAttributes":{"extensionAttribute16":null}}`))
	want = []string{"extensionAttributes.extensionAttribute16", "memberOf.0.name", "mood"}
	if got := strangers("", device, reflect.TypeFor[events.DirectoryDevice]()); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
