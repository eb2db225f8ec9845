package emulator_test

import (
	"devicebridge/bridge/graph/emulator"
	"maps"
	"net/url"
	"slices"
	"testing"
)

func TestDefaultDevicesShowEveryStatus(t *testing.T) {
	want := map[string][]string{
		"6841b3db-2b55-467b-ad84-79a41a4ef665": {"sentToTarget", "executing", "completed"},
		"0f4c6a52-9b1e-4c38-8d07-5a2be1f3c9d4": {"sentToTarget", "retry", "sentToTarget", "executing", "completed"},
		"b7d1e6c0-3f52-49aa-a1c4-6e8f0d2b7a13": {"sentToTarget", "commandDropped"},
		"2c9e8f14-7a60-4d3b-b5e2-1d04c6a9f7b8": {"failedToSend"},
		"e35a0b96-d8c7-4f21-9e6d-70b4f8a1c2e5": {"sentToTarget", "executing", "executionFailed"},
		"91f7d2ac-5e04-4b89-8c3f-b2a6e0d71f45": {"sentToTarget", "expired"},
		"5d08b1e7-c2f3-4a96-b7d0-3e9a4c6f8012": {"error"},
		"a4c2f9d8-16be-47e5-90a3-8f7d5b0e6c21": {"sentToTarget", "cancel", "cancelling", "canceled"},
		"kitchen.hub~1":                        {"sentToTarget", "custom", "completed"},
		"living-room.TV~2":                     {"sentToTarget", "executing", "completed"},
	}
	seen := map[string]bool{emulator.StatusRequesting: true} // the 201 says so
	kinds := map[string]bool{}
	for _, d := range emulator.DefaultDevices() {
		t.Run(d.ID, func(t *testing.T) {
			rc := receive(t)
			g := start(t, emulator.Options{})
			id := g.send(url.PathEscape(d.ID), rc.with())
			g.await(emulator.EventPostbackDelivered, want[d.ID][len(want[d.ID])-1])
			if got := rc.seen(); !slices.Equal(got, want[d.ID]) {
				t.Fatalf("posted back %v, want %v", got, want[d.ID])
			}
			if got := g.get(commands(url.PathEscape(d.ID)) + "/" + id).json["status"]; got != rc.last()["status"] {
				t.Fatalf("status %v, want %v", got, rc.last()["status"])
			}
			for _, s := range rc.seen() {
				seen[s] = true
			}
		})
		kinds[d.Kind] = true
	}
	for _, s := range emulator.Statuses() {
		if !seen[s] {
			t.Errorf("no default device reaches %q", s)
		}
	}
	if len(kinds) < 6 {
		t.Errorf("only the kinds %v", slices.Sorted(maps.Keys(kinds)))
	}
}

func TestEveryStatusByScript(t *testing.T) {
	rc := receive(t)
	var script []emulator.Step
	for _, s := range emulator.Statuses() {
		script = append(script, emulator.Step{Status: s, Error: "why " + s})
	}
	script = append(script, emulator.Step{Status: "warmingUp", Custom: true})
	g := start(t, emulator.Options{Devices: []emulator.Device{{ID: "d", Script: script}}})
	g.send("d", rc.with())
	g.await(emulator.EventPostbackDelivered, "warmingUp")
	if got, want := rc.seen(), append(emulator.Statuses(), "warmingUp"); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if got := rc.bodies[len(rc.bodies)-2]["error"]; got != "why custom" {
		t.Errorf("error %v", got)
	}
	if got := rc.last()["error"]; got != nil {
		t.Errorf("error %v is still there in a status without one", got)
	}
}

func TestDrive(t *testing.T) {
	rc := receive(t)
	g := start(t, emulator.Options{Devices: []emulator.Device{{ID: "d", Script: []emulator.Step{}}}})
	id := g.send("d", rc.withApp())
	g.await(emulator.EventScriptDone, "")
	if got := g.get(commands("d") + "/" + id).json["status"]; got != "requesting" {
		t.Fatalf("status %v before anybody drives", got)
	}
	for _, s := range []string{"executing", "completed"} {
		if err := g.Drive(id, emulator.Step{Status: s}); err != nil {
			t.Fatal(err)
		}
	}
	g.await(emulator.EventPostbackDelivered, "completed")
	if got := rc.seen(); !slices.Equal(got, []string{"executing", "completed"}) {
		t.Fatalf("posted back %v", got)
	}
	if a := g.get(commands("d") + "/" + id + "/responsePayload"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	for name, tt := range map[string]struct {
		id   string
		step emulator.Step
	}{
		"unknown command": {"X", emulator.Step{Status: "completed"}},
		"unknown status":  {id, emulator.Step{Status: "finished"}},
		"no status":       {id, emulator.Step{}},
		"a wait":          {id, emulator.Step{Status: "completed", After: 1}},
	} {
		if err := g.Drive(tt.id, tt.step); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
