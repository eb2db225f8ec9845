package events_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"devicebridge/events"
)

// exact reads JSON with its numbers as they are spelt.
func exact(t *testing.T, text []byte) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return object
}

// A device as Graph sends it comes out member for member equal.
func TestDirectoryDeviceGoesRound(t *testing.T) {
	sent, err := os.ReadFile("testdata/directory-device.json")
	if err != nil {
		t.Fatal(err)
	}
	var device events.DirectoryDevice
	if err := json.Unmarshal(sent, &device); err != nil {
		t.Fatal(err)
	}
	back, err := events.Marshal(device)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := exact(t, back), exact(t, sent); !reflect.DeepEqual(got, want) {
		t.Errorf("the device is\n%v, it was\n%v", got, want)
	}
	if !bytes.Contains(back, []byte(`<\"Ünïcode\" & more>`)) {
		t.Errorf("characters are escaped for HTML in %s", back)
	}
	if name, ok := device.DisplayName.Get(); !ok || !strings.HasPrefix(name, "DESKTOP-858MANH") {
		t.Errorf("name %q, %t", name, ok)
	}
	if owners, ok := device.RegisteredOwners.Get(); !ok || len(owners) != 1 || owners[0].ODataType != "#microsoft.graph.user" {
		t.Errorf("owners %+v, %t", owners, ok)
	}
}

func TestDirectoryDeviceHasTheResourcesMembers(t *testing.T) {
	sent, err := os.ReadFile("testdata/directory-device.json")
	if err != nil {
		t.Fatal(err)
	}
	members, sample := 0, exact(t, sent)
	for field := range reflect.TypeFor[events.DirectoryDevice]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			members++
			if _, ok := sample[name]; !ok {
				t.Errorf("the sample has no %s", name)
			}
		}
	}
	if members != 38 {
		t.Errorf("%d members, the resource has 38", members)
	}
}

func TestAbsentNullAndEmptyStayApart(t *testing.T) {
	for _, text := range []string{
		`{}`,
		`{"deviceCategory":null}`,
		`{"deviceCategory":""}`,
		`{"accountEnabled":false,"deviceVersion":0,"extensionAttributes":{},"physicalIds":null,"systemLabels":[]}`,
		`{"extensionAttributes":{"extensionAttribute3":null,"extensionAttribute16":"of a later version"}}`,
		`{"extension_1_rack":null}`,
		`{"extensions":[{"row":7}],"memberOf":[{}]}`,
	} {
		var device events.DirectoryDevice
		if err := json.Unmarshal([]byte(text), &device); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if back, err := events.Marshal(device); err != nil || string(back) != text {
			t.Errorf("%s became %s, %v", text, back, err)
		}
	}
}

func TestOptional(t *testing.T) {
	absent, null, some := events.Optional[string]{}, events.Null[string](), events.Some("")
	for name, c := range map[string]struct {
		o                events.Optional[string]
		zero, null, some bool
	}{
		"absent": {absent, true, false, false}, "null": {null, false, true, false}, "some": {some, false, false, true},
	} {
		if _, ok := c.o.Get(); c.o.IsZero() != c.zero || c.o.IsNull() != c.null || ok != c.some {
			t.Errorf("%s: zero %t, null %t, some %t", name, c.o.IsZero(), c.o.IsNull(), ok)
		}
	}
	device := events.DirectoryDevice{DisplayName: events.Some("x"), DeviceCategory: events.Null[string]()}
	if text, err := events.Marshal(device); err != nil || string(text) != `{"deviceCategory":null,"displayName":"x"}` {
		t.Errorf("got %s, %v", text, err)
	}
	if text, err := json.Marshal(absent); err != nil || string(text) != "null" {
		t.Errorf("an absent member alone is %s, %v", text, err)
	}
	kept := events.Some("before")
	if err := json.Unmarshal([]byte("null"), &kept); err != nil || !kept.IsNull() {
		t.Errorf("null over a value gives %+v, %v", kept, err)
	}
}

// TestWhatIsOfAnotherTypeIsKept: Graph's members are not always what its pages say;
// they go out as they came, and the others can be read.
func TestWhatIsOfAnotherTypeIsKept(t *testing.T) {
	for _, odd := range []string{
		`{"accountEnabled":"yes"}`, `{"deviceVersion":1.5}`, `{"deviceVersion":4294967296}`, `{"deviceVersion":"2"}`,
		`{"deviceVersion":1e400}`, `{"deviceVersion":123456789012345678901234567890}`, `{"physicalIds":"x"}`, `{"physicalIds":[1,null]}`,
		`{"extensionAttributes":{"extensionAttribute1":7}}`, `{"extensionAttributes":[]}`, `{"alternativeSecurityIds":[{"type":"2"}]}`,
		`{"alternativeSecurityIds":[7]}`, `{"memberOf":{}}`, `{"memberOf":[{"id":7}]}`, `{"memberOf":[null]}`, `{"memberOf":[{"@odata.type":{}}]}`,
		`{"alternativeSecurityIds":[{"key":[],"x":1}]}`, `{"id":7}`, `{"id":null}`, `{"id":{"a":1}}`, `{"displayName":["x"]}`,
		`{"registrationDateTime":0}`, `{"extensions":[{"id":7}]}`,
	} {
		text := strings.TrimSuffix(odd, "}") + `,"model":"m","unknown":{"a":1}}`
		var device events.DirectoryDevice
		if err := json.Unmarshal([]byte(text), &device); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		back, err := events.Marshal(device)
		if model, ok := device.Model.Get(); err != nil || model != "m" || !ok || !sameObject(t, back, []byte(text)) {
			t.Errorf("%s becomes %s, %v", text, back, err)
		}
	}
}

// sameObject compares two JSON objects; a number is its digits.
func sameObject(t *testing.T, a, b []byte) bool {
	t.Helper()
	return reflect.DeepEqual(exact(t, a), exact(t, b))
}

// TestAnOwnDeviceOfOtherTypes: the same of the account's own devices.
func TestAnOwnDeviceOfOtherTypes(t *testing.T) {
	for text, want := range map[string]string{
		`{"id":"a","name":12345}`:                      `{"id":"a","name":12345}`,
		`{"id":"a","Name":"n","Kind":{"x":1},"y":2}`:   `{"id":"a","name":"n","kind":{"x":1}}`,
		`{"id":"a","name":null,"status":7,"model":[]}`: `{"id":"a","name":"","model":[],"status":7}`,
		`{"id":12345678901234567890,"name":"n"}`:       `{"id":"12345678901234567890","name":"n"}`,
		`{"name":"n","id":true}`:                       `{"id":true,"name":"n"}`,
	} {
		var device, again events.Device
		if err := json.Unmarshal([]byte(text), &device); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		back, err := events.Marshal(device)
		if err != nil || !sameObject(t, back, []byte(want)) {
			t.Errorf("%s becomes %s, %v; want %s", text, back, err, want)
		}
		if err := json.Unmarshal(back, &again); err != nil || again != device {
			t.Errorf("%s is read as %+v, %v", back, again, err)
		}
	}
}

// directoryDocuments gives every request and reply about the directory with all
// members set.
func directoryDocuments(t *testing.T) map[string][]any {
	t.Helper()
	sent, err := os.ReadFile("testdata/directory-device.json")
	if err != nil {
		t.Fatal(err)
	}
	var device events.DirectoryDevice
	if err := json.Unmarshal(sent, &device); err != nil {
		t.Fatal(err)
	}
	groups, _ := device.MemberOf.Get()
	names, count := []string{"id", "model"}, int64(1)
	return map[string][]any{
		"directory-device": {device, events.DirectoryDevice{}},
		"directory-object": {groups[0], events.DirectoryObject{}},
		"directory-list-request": {
			events.DirectoryListRequest{}, events.DirectoryListRequest{PageToken: "x"},
			events.DirectoryListRequest{Select: names, Filter: "f", Search: "s", OrderBy: "o", Top: 999, Expand: "e", Count: true},
		},
		"directory-list-reply": {
			events.DirectoryListReply{Devices: []events.DirectoryDevice{device}, Count: &count, NextPageToken: "x"},
			events.DirectoryListReply{Devices: []events.DirectoryDevice{}},
		},
		"directory-get-request": {
			events.DirectoryGetRequest{ID: "a", Select: names, Expand: "e"}, events.DirectoryGetRequest{DeviceID: "it's"},
		},
		"directory-device-reply":   {events.DirectoryDeviceReply{Device: device}},
		"directory-create-request": {events.DirectoryCreateRequest{Device: device}},
		"directory-update-request": {
			events.DirectoryUpdateRequest{ID: "a", Changes: events.DirectoryDevice{DeviceCategory: events.Null[string]()}},
			events.DirectoryUpdateRequest{DeviceID: "a", Changes: device},
		},
		"directory-key-request":   {events.DirectoryKeyRequest{ID: "a"}, events.DirectoryKeyRequest{DeviceID: "a"}},
		"directory-done-reply":    {events.DirectoryDoneReply{}},
		"directory-count-request": {events.DirectoryCountRequest{}, events.DirectoryCountRequest{Filter: "f", Search: "s"}},
		"directory-count-reply":   {events.DirectoryCountReply{}, events.DirectoryCountReply{Count: 893}},
		"directory-delta-request": {
			events.DirectoryDeltaRequest{Select: names, Filter: "f", Latest: true}, events.DirectoryDeltaRequest{PageToken: "x"},
		},
		"directory-delta-reply": {
			events.DirectoryDeltaReply{Devices: []events.DirectoryDevice{device}, Removed: []events.RemovedDevice{}, NextPageToken: "x"},
			events.DirectoryDeltaReply{Devices: []events.DirectoryDevice{}, Removed: []events.RemovedDevice{{ID: "a", Reason: "changed"}}, DeltaToken: "x"},
		},
		"directory-objects-request": {
			events.DirectoryObjectsRequest{ID: "a", Select: names, Filter: "f", Search: "s", OrderBy: "o", Top: 1, Expand: "e", Count: true},
			events.DirectoryObjectsRequest{DeviceID: "a"}, events.DirectoryObjectsRequest{PageToken: "x"},
		},
		"directory-objects-reply": {
			events.DirectoryObjectsReply{Objects: groups, Count: &count, NextPageToken: "x"}, events.DirectoryObjectsReply{Objects: []events.DirectoryObject{}},
		},
		"directory-reference-request": {
			events.DirectoryReferenceRequest{ID: "a", ObjectID: "b"}, events.DirectoryReferenceRequest{DeviceID: "a", ObjectID: "b"},
		},
		"directory-check-request": {
			events.DirectoryCheckRequest{ID: "a", IDs: names}, events.DirectoryCheckRequest{DeviceID: "a", IDs: names},
		},
		"directory-membership-request": {
			events.DirectoryMembershipRequest{ID: "a"}, events.DirectoryMembershipRequest{DeviceID: "a", SecurityEnabledOnly: true},
		},
		"directory-ids-reply": {events.DirectoryIDsReply{IDs: []string{}}, events.DirectoryIDsReply{IDs: names}},
	}
}
