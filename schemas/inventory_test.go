package schemas_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"devicebridge/events"
	"devicebridge/schemas"
)

func TestAsyncAPIInventoryKinds(t *testing.T) {
	d := open(t, schemas.AsyncAPI)
	var kinds, kindTypes []string
	for _, kind := range events.InventoryKinds() {
		kinds = append(kinds, string(kind))
		kindTypes = append(kindTypes, events.InventoryType(kind))
	}
	parameters, _ := d.at("#/channels/inventory/parameters")
	if got := texts(parameters["kind"].(map[string]any)["enum"]); !slices.Equal(got, kinds) {
		t.Errorf("kinds %v, want %v", got, kinds)
	}
	ceType, _ := d.at("#/components/schemas/inventoryHeaders/properties/ce-type")
	if got := texts(ceType["enum"]); !slices.Equal(got, kindTypes) {
		t.Errorf("types %v, want %v", got, kindTypes)
	}
}

// The headers that an example of an event of the inventory shows are read by the
// codec, and are those that it writes for what it read.
func TestAsyncAPIInventoryIsWhatTheCodecWrites(t *testing.T) {
	d := open(t, schemas.AsyncAPI)
	message, _ := d.at("#/components/messages/inventoryDevice")
	for _, example := range message["examples"].([]any) {
		example := example.(map[string]any)
		shown := maps.Clone(example["headers"].(map[string]any))
		delete(shown, events.HeaderWriter) // the bus writes it
		header := map[string][]string{}
		for name, value := range shown {
			header[name] = []string{value.(string)}
		}
		e, err := events.DecodeInventory(header, marshal(t, example["payload"]))
		if err != nil {
			t.Fatalf("%s: %v", example["name"], err)
		}
		if id := example["payload"].(map[string]any)["id"]; string(e.Kind) != example["name"] || e.DeviceID != id {
			t.Errorf("%s is read as %s of %s, the body is of %v", example["name"], e.Kind, e.DeviceID, id)
		}
		written, _, err := events.Subjects{}.EncodeInventory(e)
		if err != nil || !maps.EqualFunc(written, header, slices.Equal) {
			t.Errorf("%s: the codec writes %v, %v, shown is %v", example["name"], written, err, header)
		}
	}
}

func TestEveryInventoryEventFitsTheDocuments(t *testing.T) {
	d, set := open(t, schemas.AsyncAPI), compiled(t)
	for _, kind := range events.InventoryKinds() {
		for _, reason := range []string{"", events.ReasonChanged, events.ReasonDeleted, events.ReasonMissing, "ein anderer Grund"} {
			header, body, err := events.Subjects{}.EncodeInventory(events.InventoryEvent{
				Kind: kind, DeviceID: `Gerät "1" *`, Sequence: 12, Time: time.Now(), Reason: reason,
				Device: []byte(`{"id":"Gerät \"1\" *","isManaged":null}`),
			})
			if err != nil {
				t.Fatal(err)
			}
			first := map[string]string{}
			for name, values := range header {
				first[name] = values[0]
			}
			d.check(t, "/components/schemas/inventoryHeaders", first)
			if err := set.Validate("inventory-device", body); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
}
