package command_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"devicebridge/events"
)

// TestFutureLogsReadAndWriteAlike decodes events as a newer version might write
// them, and asks for every member again, and for the headers that this version
// writes: others are of the message, not of the command.
func TestFutureLogsReadAndWriteAlike(t *testing.T) {
	for _, log := range goldenLogs(t, goldenFuture()) {
		for _, kept := range log.events() {
			kind, c := kept.decode(t)
			again := encodeEvent(t, kind, c)
			known := maps.Clone(kept.Header)
			maps.DeleteFunc(known, func(name, _ string) bool { return again.Header[name] == "" })
			if again.Kind != kept.Kind || !maps.Equal(again.Header, known) || !reflect.DeepEqual(valueOf(t, again.Record), valueOf(t, kept.Record)) {
				t.Errorf("%s: read and written again\n%s\nbecomes\n%s", log.name, kept, again)
			}
		}
	}
}

// TestFutureMembersOutliveTheFold asks that every event that this version adds to
// a newer one's has the members that this version does not know: those of the
// record, and those of its error while that stands.
func TestFutureMembersOutliveTheFold(t *testing.T) {
	members, errors := 0, 0
	for _, log := range goldenLogs(t, goldenFuture()) {
		var before goldenEvent
		for _, step := range log.Steps {
			for _, e := range step.Events {
				if step.Input != nil {
					members += checkUnknown(t, before, e, reflect.TypeFor[events.Command]())
					errors += checkUnknown(t, errorOf(t, before), errorOf(t, e), reflect.TypeFor[events.Error]())
				}
				before = e
			}
		}
	}
	if members == 0 || errors == 0 {
		t.Errorf("%d unknown members of records and %d of errors were compared", members, errors)
	}
}

// checkUnknown compares the members of two records that typ has no field for, and
// gives how many there are.
func checkUnknown(t *testing.T, before, after goldenEvent, typ reflect.Type) int {
	t.Helper()
	was, is := unknown(t, before, typ), unknown(t, after, typ)
	if after.Record != nil && !reflect.DeepEqual(was, is) {
		t.Errorf("%s: the unknown members were\n%v and are\n%v", after, was, is)
	}
	return len(is)
}

// errorOf gives an event whose record is the error of e's; of none, where e has
// none.
func errorOf(t *testing.T, e goldenEvent) goldenEvent {
	t.Helper()
	if object, ok := valueOf(t, e.Record)["error"]; ok {
		text, err := events.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		return goldenEvent{Kind: e.Kind, Record: text}
	}
	return goldenEvent{}
}

func unknown(t *testing.T, e goldenEvent, typ reflect.Type) map[string]any {
	t.Helper()
	if e.Record == nil {
		return nil
	}
	object := valueOf(t, e.Record)
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		delete(object, name)
	}
	return object
}

// valueOf reads a JSON object, numbers as they are written.
func valueOf(t *testing.T, text json.RawMessage) map[string]any {
	t.Helper()
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		t.Fatal(err)
	}
	return object
}
