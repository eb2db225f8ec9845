package command_test

import (
	"reflect"
	"testing"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// TestGoldenLogsShowEverything asks for a log of every kind, of every member of
// the record and of every input: what is in no log is not kept safe.
func TestGoldenLogsShowEverything(t *testing.T) {
	shown := map[string]bool{}
	for _, log := range goldenLogs(t, goldenVersions(t)...) {
		for _, step := range log.Steps {
			shown["input "+string(step.Input.Kind)] = true
		}
		for _, e := range log.events() {
			shown["kind "+string(e.Kind)] = true
			_, c := e.decode(t)
			show(shown, reflect.ValueOf(c))
		}
	}
	for _, kind := range events.Kinds() {
		if !shown["kind "+string(kind)] {
			t.Errorf("no golden log has an event %s", kind)
		}
	}
	for _, trigger := range command.Triggers() {
		isInput := trigger != command.OnPayload && !isGraph(events.State(trigger))
		if isInput && !shown["input "+string(trigger)] {
			t.Errorf("no golden log has an input %s", trigger)
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[events.Command](), reflect.TypeFor[events.Error](), reflect.TypeFor[events.ObjectRef](), reflect.TypeFor[events.Erasure]()} {
		for f := range typ.Fields() {
			if f.IsExported() && !shown[typ.Name()+"."+f.Name] {
				t.Errorf("no golden log has a record with %s.%s", typ.Name(), f.Name)
			}
		}
	}
}

// show marks the fields of a struct that are set.
func show(shown map[string]bool, v reflect.Value) {
	for f, value := range v.Fields() {
		if !f.IsExported() || value.IsZero() {
			continue
		}
		shown[v.Type().Name()+"."+f.Name] = true
		if value.Kind() == reflect.Pointer && value.Elem().Kind() == reflect.Struct {
			show(shown, value.Elem())
		}
	}
}
