package emulator_test

import (
	"devicebridge/bridge/graph/emulator"
	"math"
	"strings"
	"testing"
)

func TestRefusedOptions(t *testing.T) {
	device := func(d emulator.Device) emulator.Options {
		return emulator.Options{Devices: []emulator.Device{{ID: "first"}, d}}
	}
	for _, tt := range []struct {
		options emulator.Options
		name    string
	}{
		{emulator.Options{Profile: "snake"}, "Profile"},
		{emulator.Options{BasePath: "beta"}, "BasePath"},
		{emulator.Options{BasePath: "/emulator"}, "BasePath"},
		{emulator.Options{BasePath: "/emulator/beta"}, "BasePath"},
		{emulator.Options{PageSize: -1}, "PageSize"},
		{emulator.Options{PostbackBackoff: -1}, "PostbackBackoff"},
		{emulator.Options{PostbackTimeout: -1}, "PostbackTimeout"},
		{emulator.Options{PostbackConcurrency: -1}, "PostbackConcurrency"},
		{emulator.Options{MaxCommands: -1}, "MaxCommands"},
		{emulator.Options{MaxBytes: -1}, "MaxBytes"},
		{emulator.Options{MaxBody: -1}, "MaxBody"},
		{emulator.Options{Token: "t", Authorize: func(string, emulator.Permissions) error { return nil }}, "Authorize"},
		{device(emulator.Device{}), "Devices[1].ID"},
		{device(emulator.Device{ID: strings.Repeat("x", 257)}), "Devices[1].ID"},
		{device(emulator.Device{ID: "a\nb"}), "Devices[1].ID"},
		{device(emulator.Device{ID: "\xff"}), "Devices[1].ID"},
		{device(emulator.Device{ID: "first"}), "Devices[1].ID"},
		{device(emulator.Device{ID: "d", Script: []emulator.Step{{Status: "completed"}, {Status: "Completed"}}}), "Devices[1].Script[1].Status"},
		{device(emulator.Device{ID: "d", Script: []emulator.Step{{}}}), "Devices[1].Script[0].Status"},
		{device(emulator.Device{ID: "d", Script: []emulator.Step{{Custom: true, Status: "\xff"}}}), "Devices[1].Script[0].Status"},
		{device(emulator.Device{ID: "d", Script: make([]emulator.Step, 1001)}), "Devices[1].Script"},
		{device(emulator.Device{ID: "d", Response: map[string]any{"nan": math.NaN()}}), "Devices[1].Response"},
	} {
		if _, err := emulator.New(tt.options); err == nil || !strings.Contains(err.Error(), tt.name) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestAllOptionFaultsTogether(t *testing.T) {
	_, err := emulator.New(emulator.Options{Profile: "snake", PageSize: -1, Faults: emulator.Faults{Throttle: 2}, Devices: []emulator.Device{{}}})
	for _, name := range []string{"Profile", "PageSize", "Faults.Throttle", "Devices[0].ID"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not in %v", name, err)
		}
	}
}

func TestScriptAndResponseAreCopied(t *testing.T) {
	script := []emulator.Step{{Status: emulator.StatusCompleted}}
	response := map[string]any{"answer": 1}
	g := start(t, emulator.Options{Devices: []emulator.Device{{ID: "d", Script: script, Response: response}}})
	script[0].Status, response["answer"] = emulator.StatusError, 2
	id := g.send("d", pingpong)
	g.await(emulator.EventStatus, emulator.StatusCompleted)
	if got := g.get(commands("d") + "/" + id + "/responsePayload").json["answer"]; got != 1.0 {
		t.Fatalf("answer %v", got)
	}
}
