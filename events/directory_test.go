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

func TestADeviceOfTheWrongTypesIsRefused(t *testing.T) {
	for text, field := range map[string]string{
		`{"accountEnabled":"yes"}`:                                  "accountEnabled",
		`{"deviceVersion":1.5}`:                                     "deviceVersion",
		`{"deviceVersion":4294967296}`:                              "deviceVersion",
		`{"physicalIds":"x"}`:                                       "physicalIds",
		`{"extensionAttributes":{"extensionAttribute1":7}}`:         "extensionAttributes.extensionAttribute1",
		`{"alternativeSecurityIds":[{"type":"2"}]}`:                 "alternativeSecurityIds.type",
		`{"memberOf":{}}`:                                           "memberOf",
		`{"unknown":1,"alternativeSecurityIds":[{"key":[],"x":1}]}`: "alternativeSecurityIds.key",
	} {
		var device events.DirectoryDevice
		err := json.Unmarshal([]byte(text), &device)
		mismatch, ok := err.(*json.UnmarshalTypeError) //nolint:errorlint // what encoding/json gives is not wrapped
		if !ok || mismatch.Field != field {
			t.Errorf("%s: %v, want the field %s", text, err, field)
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
