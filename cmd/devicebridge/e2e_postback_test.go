package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
	"devicebridge/webhook"
)

// TestPostbacksHoweverTheyCome sends the same news in every way Graph might.
func TestPostbacksHoweverTheyCome(t *testing.T) {
	for name, wrap := range map[string]func(id, status string) string{
		"camel":     func(id, status string) string { return fmt.Sprintf(`{"id":%q,"status":%q}`, id, status) },
		"pascal":    func(id, status string) string { return fmt.Sprintf(`{"id":%q,"Status":%q,"Error":null}`, id, status) },
		"wrapped":   func(id, status string) string { return fmt.Sprintf(`{"value":{"id":%q,"status":%q}}`, id, status) },
		"in a list": func(id, status string) string { return fmt.Sprintf(`{"value":[{"id":%q,"status":%q}]}`, id, status) },
		"action status": func(id, status string) string {
			return fmt.Sprintf(`{"id":%q,"actionStatus":%q,"error":"null"}`, id, status)
		},
		"no id": func(_, status string) string { return fmt.Sprintf(`{"status":%q}`, status) },
	} {
		t.Run(name, func(t *testing.T) {
			r := startRig(t, rigOptions{})
			id := r.mustSend(launchURI("by hand")).Command.ID
			list := r.until(id, func(e events.Stored) bool { return e.Command.GraphID != "" })
			graphID, url := list[len(list)-1].Command.GraphID, r.callbackURL(0)
			// Each twice, and old ones again after newer ones.
			for _, status := range []string{
				"sentToTarget", "sentToTarget", "executing", "sentToTarget", "executing", "completed", "executing", "completed", "requesting",
			} {
				if code, _, body := r.post(url, wrap(graphID, status)); code != http.StatusAccepted || body != "" {
					t.Errorf("%s: answered %d %q, want 202 and nothing", status, code, body)
				}
			}
			if got := kinds(r.toTheEnd(id)); got != launchTimeline {
				t.Errorf("timeline is %q, want %q", got, launchTimeline)
			}
			var reply events.CommandReply
			if err := r.client.Request(t.Context(), "commands.get", events.IDRequest{ID: id}, &reply, 0); err != nil {
				t.Fatal(err)
			}
			if reply.Command.Sequence != 6 {
				t.Errorf("%d events after the end, want 6", reply.Command.Sequence)
			}
		})
	}
}

func TestEmulatorProfilesAndPostbackFaults(t *testing.T) {
	for _, profile := range emulator.Profiles() {
		for name, fault := range map[string]emulator.FaultKind{
			"plain": emulator.FaultNone, "duplicated": emulator.FaultPostbackDuplicated,
			"reordered": emulator.FaultPostbackReordered, "before the 201": emulator.FaultPostbackBeforeAnswer,
		} {
			t.Run(string(profile)+" "+name, func(t *testing.T) {
				// The device with its own script, so that nothing waits for the 201.
				devices := emulator.DefaultDevices()[:1]
				r := startRig(t, rigOptions{emulator: emulator.Options{
					Profile: profile, Devices: devices, Faults: emulator.Faults{Next: []emulator.Fault{{Kind: fault}}},
				}})
				list := r.toTheEnd(r.mustSend(appService("x")).Command.ID)
				last := list[len(list)-1].Command
				if last.State != events.StateCompleted || last.Response != events.ResponseStored {
					t.Errorf("ended as %s with response %s: %s", last.State, last.Response, kinds(list))
				}
				order := map[string]int{}
				for i, e := range list {
					if _, twice := order[string(e.Kind)]; twice {
						t.Errorf("%s was published twice: %s", e.Kind, kinds(list))
					}
					order[string(e.Kind)] = i
				}
				if r.taken() != 1 {
					t.Errorf("Graph took %d commands", r.taken())
				}
			})
		}
	}
}

// TestForgedCallbacks: the one 404, and nothing read or written in NATS. The
// NATS is one whose API requests the test can see; none may name the victim, a
// command that nothing but a callback could make the bridge read.
func TestForgedCallbacks(t *testing.T) {
	ring := "k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	r := startRig(t, rigOptions{vars: map[string]string{"BRIDGE_CALLBACK_KEYS": ring, "NATS_URL": cliNATS(t)}})
	keys, err := webhook.ParseKeyring(ring)
	if err != nil {
		t.Fatal(err)
	}
	other, err := webhook.ParseKeyring("k1:" + base64.StdEncoding.EncodeToString([]byte(rand.Text()+rand.Text())))
	if err != nil {
		t.Fatal(err)
	}
	reads := subscribe(t, r.connect(), "$JS.API.STREAM.MSG.GET.>")
	public, soon := r.publicURL+"/postback/", time.Now().Add(time.Hour)
	genuine := r.mustSend(launchURI("genuine")).Command.ID
	r.until(genuine, func(e events.Stored) bool { return e.Command.GraphID != "" })
	victim, control := events.RequestCommandID("victim"), events.RequestCommandID("control")

	_, _, wantBody := r.post(public+"nonsense", "{}")
	if !json.Valid([]byte(wantBody)) {
		t.Errorf("the 404 is %q", wantBody)
	}
	want404 := func(name, url string) {
		code, header, body := r.post(url, `{"status":"completed"}`)
		if code != http.StatusNotFound || body != wantBody || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: answered %d %s %q, want the one 404 %q", name, code, header.Get("Content-Type"), body, wantBody)
		}
	}
	for _, id := range []string{genuine, victim} {
		base, token := public+id+"/", keys.Token(id, soon)
		flipped := []byte(token)
		flipped[len(flipped)-5] ^= 1
		want404("flipped", base+string(flipped))
		want404("truncated", base+token[:len(token)-1])
		want404("expired", base+keys.Token(id, time.Now().Add(-time.Hour)))
		want404("another key", base+other.Token(id, soon))
		want404("swapped", base+keys.Token(control, soon))
		want404("no token", base)
		want404("not a key id", base+"k2"+token[2:])
	}
	want404("not a path", r.publicURL+"/")

	// A good token of a command that has no record looks the same, and is looked
	// up: which shows that a read would have been seen.
	want404("no record", public+control+"/"+keys.Token(control, soon))
	for read := ""; !strings.Contains(read, control); {
		if read = string(next(t, reads).Data); strings.Contains(read, victim) {
			t.Errorf("a forged callback made the bridge read %s", read)
		}
	}
	var reply events.CommandReply
	if err := r.client.Request(t.Context(), "commands.get", events.IDRequest{ID: genuine}, &reply, 0); err != nil || reply.Command.Sequence != 3 {
		t.Errorf("the command has %d events (%v), want 3: none of a forgery", reply.Command.Sequence, err)
	}
}

func TestBadBodies(t *testing.T) {
	r := startRig(t, rigOptions{})
	id := r.mustSend(launchURI("x")).Command.ID
	r.until(id, func(e events.Stored) bool { return e.Command.GraphID != "" })
	url := r.callbackURL(0)
	for _, test := range []struct {
		name, body string
		want       int
	}{
		{"2 MiB", `{"status":"completed","x":"` + strings.Repeat("y", 2<<20) + `"}`, http.StatusRequestEntityTooLarge},
		{"broken", `{"status":`, http.StatusBadRequest},
		{"nothing in it", `{}`, http.StatusBadRequest},
		{"deep", strings.Repeat("[", 100_000), http.StatusBadRequest},
	} {
		code, header, body := r.post(url, test.body)
		var problem struct{ Title, Type string }
		if code != test.want || header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(body), &problem) != nil || problem.Title == "" {
			t.Errorf("%s: %d %s %s, want %d as a problem document", test.name, code, header.Get("Content-Type"), body, test.want)
		}
		if strings.Contains(body, "postback/") || strings.Contains(body, "yyy") {
			t.Errorf("%s: the problem leaks: %s", test.name, body)
		}
	}
	if code, _, _ := r.post(url, `{"status":"completed"}`); code != http.StatusAccepted {
		t.Errorf("a good postback afterwards: %d", code)
	}
	r.toTheEnd(id)
}
