package events_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	natsce "github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"devicebridge/events"
)

const objectID = "6a59ea83-02bd-468f-a40b-f2c3d1821983"

func inventoryEvent() events.InventoryEvent {
	return events.InventoryEvent{
		Kind: events.InventoryDeleted, DeviceID: objectID, Sequence: 3, Reason: events.ReasonChanged,
		Time:   time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC),
		Device: json.RawMessage(`{"accountEnabled":true,"id":"` + objectID + `"}`),
	}
}

func TestEncodeInventory(t *testing.T) {
	e := inventoryEvent()
	header, body, err := events.Subjects{}.EncodeInventory(e)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"ce-specversion": {"1.0"},
		"ce-id":          {objectID + ".3"},
		"ce-type":        {"devicebridge.inventory.device.deleted.v1"},
		"ce-source":      {"urn:devicebridge:devicebridge.v1"},
		"ce-subject":     {"devices/" + objectID},
		"ce-time":        {"2026-11-22T10:00:00.123456789Z"},
		"ce-dataschema":  {"urn:devicebridge:schema:inventory-device:v1"},
		"ce-sequence":    {"00000000000000000003"},
		"ce-reason":      {"changed"},
		"content-type":   {"application/json"},
	}
	if !reflect.DeepEqual(header, want) || string(body) != string(e.Device) {
		t.Errorf("headers %v, want %v; body %s", header, want, body)
	}
	e.Kind, e.Reason = events.InventoryUpdated, ""
	if header, _, err = (events.Subjects{}).EncodeInventory(e); err != nil || header["ce-reason"] != nil {
		t.Errorf("without a reason: %v, %v", header, err)
	}
	for _, id := range []string{"", strings.Repeat("x", 257)} {
		e.DeviceID = id
		if header, _, err := (events.Subjects{}).EncodeInventory(e); err == nil {
			t.Errorf("id %q gives %v", id, header)
		}
	}
}

func TestDecodeInventoryGivesTheEventBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		e := inventoryEvent()
		e.DeviceID = rapid.StringN(1, 80, 80).Draw(r, "id")
		e.Reason = rapid.StringMatching(`[a-z é%"]*`).Draw(r, "reason")
		e.Sequence = rapid.IntRange(1, 1e9).Draw(r, "n")
		e.Kind = rapid.SampledFrom(events.InventoryKinds()).Draw(r, "kind")
		header, body, err := events.Subjects{}.EncodeInventory(e)
		if err != nil {
			r.Fatal(err)
		}
		back, err := events.DecodeInventory(header, body)
		if err != nil || !reflect.DeepEqual(back, e) {
			r.Fatalf("%+v, %v, want %+v", back, err, e)
		}
		// The CloudEvents project's own library reads it too.
		message := natsce.NewMessage(&nats.Msg{Subject: events.Subjects{}.Inventory(e.DeviceID, e.Kind), Header: header, Data: body})
		ce, err := binding.ToEvent(t.Context(), message)
		if err != nil {
			r.Fatal(err)
		}
		if err := ce.Validate(); err != nil || events.HeaderUnescape(ce.ID()) != e.ID() || ce.Type() != events.InventoryType(e.Kind) {
			r.Fatalf("read as %s, %v", ce, err)
		}
		if reason, _ := ce.Extensions()["reason"].(string); events.HeaderUnescape(reason) != e.Reason {
			r.Fatalf("the reason is %q, want %q", reason, e.Reason)
		}
	})
}

func TestDecodeInventoryRefusesOtherMessages(t *testing.T) {
	for name, change := range map[string]func(header map[string][]string, body *[]byte){
		"no type":   func(h map[string][]string, _ *[]byte) { delete(h, "ce-type") },
		"a command": func(h map[string][]string, _ *[]byte) { h["ce-type"] = []string{"devicebridge.command.created.v1"} },
		"no kind":   func(h map[string][]string, _ *[]byte) { h["ce-type"] = []string{"devicebridge.inventory.device..v1"} },
		"version 2": func(h map[string][]string, _ *[]byte) {
			h["ce-type"] = []string{"devicebridge.inventory.device.created.v2"}
		},
		"no subject":    func(h map[string][]string, _ *[]byte) { delete(h, "ce-subject") },
		"no device":     func(h map[string][]string, _ *[]byte) { h["ce-subject"] = []string{"devices/"} },
		"n is 0":        func(h map[string][]string, _ *[]byte) { h["ce-sequence"] = []string{"0"} },
		"n is no digit": func(h map[string][]string, _ *[]byte) { h["ce-sequence"] = []string{"x"} },
		"no time":       func(h map[string][]string, _ *[]byte) { delete(h, "ce-time") },
		"no body":       func(_ map[string][]string, b *[]byte) { *b = nil },
		"null":          func(_ map[string][]string, b *[]byte) { *b = []byte("null") },
		"a list":        func(_ map[string][]string, b *[]byte) { *b = []byte("[]") },
	} {
		header, body, err := events.Subjects{}.EncodeInventory(inventoryEvent())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := events.DecodeInventory(header, body); err != nil {
			t.Fatal(err)
		}
		if change(header, &body); body == nil {
			body = []byte{}
		}
		if e, err := events.DecodeInventory(header, body); err == nil {
			t.Errorf("%s: gives %+v", name, e)
		}
	}
}

func TestInventorySubjects(t *testing.T) {
	s := events.Subjects{}
	for got, want := range map[string]string{
		s.Inventory("a.b", events.InventoryCreated):       "devicebridge.v1.inventory.a%2Eb.created",
		s.InventoryFilter("a.b"):                          "devicebridge.v1.inventory.a%2Eb.>",
		s.InventoryTree():                                 "devicebridge.v1.inventory.>",
		s.InventoryAppend("a.b", events.InventoryCreated): "devicebridge.v1.append.inventory.device.a%2Eb.created",
		s.InventoryAppendTree():                           "devicebridge.v1.append.inventory.device.>",
		s.InventoryCursor():                               "devicebridge.v1.append.inventory.cursor",
		strings.Join(s.InventorySubjects(), " "):          "devicebridge.v1.append.inventory.device.*.* devicebridge.v1.append.inventory.cursor",
		s.InventoryStream():                               "DEVICEBRIDGE_V1_INVENTORY",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for _, subject := range []string{
		"", "devicebridge.v1.inventory", "devicebridge.v1.inventory.d", "devicebridge.v1.inventory.d.created.x",
		"devicebridge.v1.inventory.%zz.created", "devicebridge.v1.inventory.%64.created", "other.inventory.d.created", s.InventoryCursor(),
	} {
		if id, kind, ok := s.ParseInventory(subject); ok || id != "" || kind != "" {
			t.Errorf("%q gives %q, %q, %t", subject, id, kind, ok)
		}
	}
}

// FuzzInventoryID holds for the feed what FuzzDeviceID does for commands; and what
// the bridge appends is under no filter of a subscriber, nor of the event stream.
func FuzzInventoryID(f *testing.F) {
	for _, id := range []string{objectID, "_", ".", "*", ">", "a.b", "a b\r\n", "\x00", "%2E", "é", "\xff", strings.Repeat(".", 85)} {
		f.Add(id, "other")
	}
	f.Add("a", "A")
	f.Fuzz(func(t *testing.T, id, other string) {
		s := events.Subjects{}
		if !events.ValidDeviceID(id) || !events.ValidDeviceID(other) {
			return
		}
		for _, kind := range events.InventoryKinds() {
			public, appended := s.Inventory(id, kind), s.InventoryAppend(id, kind)
			if back, k, ok := s.ParseInventory(public); !ok || back != id || k != kind {
				t.Errorf("%s is read as %q, %q, %t", public, back, k, ok)
			}
			if !matches(s.InventoryTree(), public) || matches(s.InventoryFilter(other), public) != (id == other) {
				t.Errorf("the filters do not cover %s as they should", public)
			}
			if matches(s.EventTree(), public) || matches(s.InventoryTree(), appended) || matches(s.InventoryTree(), s.InventoryCursor()) {
				t.Errorf("%s or %s is under a filter of others", public, appended)
			}
			if !matches(s.InventorySubjects()[0], appended) || matches(s.Appends(), appended) || !matches(s.AppendTree(), appended) {
				t.Errorf("%s is not an append of the inventory alone", appended)
			}
			if strings.Replace(appended, ".append.inventory.device.", ".inventory.", 1) != public {
				t.Errorf("%s is stored as another subject than %s", appended, public)
			}
		}
		if cursor := s.InventoryCursor(); matches(s.Appends(), cursor) || !matches(s.AppendTree(), cursor) {
			t.Errorf("%s is for the event stream, or not reserved", cursor)
		}
	})
}
