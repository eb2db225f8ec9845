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

	"github.com/nats-io/nats.go/jetstream"

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

// TestForgedCallbacks: the one 404, and nothing read or written in NATS.
func TestForgedCallbacks(t *testing.T) {
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	r := startRig(t, rigOptions{vars: map[string]string{"BRIDGE_CALLBACK_KEYS": "k1:" + key}})
	id := r.mustSend(launchURI("genuine")).Command.ID
	r.until(id, func(e events.Stored) bool { return e.Command.GraphID != "" })
	url := r.callbackURL(0)
	base, token := url[:strings.LastIndex(url, "/")+1], url[strings.LastIndex(url, "/")+1:]
	keys, err := webhook.ParseKeyring("k1:" + key)
	if err != nil {
		t.Fatal(err)
	}
	other, err := webhook.ParseKeyring("k1:" + base64.StdEncoding.EncodeToString([]byte(rand.Text()+rand.Text())))
	if err != nil {
		t.Fatal(err)
	}
	public := r.publicURL + "/postback/"
	flipped := []byte(token)
	flipped[len(flipped)-5] ^= 1

	apiCalls := r.apiCalls()
	_, wantHeader, wantBody := r.post(public+"nonsense", "{}")
	for name, forged := range map[string]string{
		"flipped":      base + string(flipped),
		"truncated":    base + token[:len(token)-1],
		"expired":      base + keys.Token(id, time.Now().Add(-time.Hour)),
		"another key":  base + other.Token(id, time.Now().Add(time.Hour)),
		"swapped":      public + events.RequestCommandID("another") + "/" + token,
		"no token":     base,
		"not a path":   r.publicURL + "/",
		"not a key id": base + "k2" + token[2:],
	} {
		code, header, body := r.post(forged, `{"status":"completed"}`)
		if code != http.StatusNotFound || body != wantBody || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: answered %d %s %q, want the one 404 %q", name, code, header.Get("Content-Type"), body, wantBody)
		}
	}
	after := r.apiCalls()
	if after != apiCalls+1 { // the question itself
		t.Errorf("forged callbacks made %d JetStream API calls", after-apiCalls-1)
	}
	if wantHeader.Get("Content-Type") != "application/problem+json" || !json.Valid([]byte(wantBody)) {
		t.Errorf("the 404 is %s %q", wantHeader.Get("Content-Type"), wantBody)
	}
	// A good token of a command that has no record looks the same.
	stranger := public + events.RequestCommandID("never asked for") + "/" + keys.Token(events.RequestCommandID("never asked for"), time.Now().Add(time.Hour))
	if code, _, body := r.post(stranger, `{"status":"completed"}`); code != http.StatusNotFound || body != wantBody {
		t.Errorf("a good token without a record: %d %q, want the one 404", code, body)
	}
	if got := r.apiCalls(); got < after+2 {
		t.Errorf("a good token made no JetStream API call: the count above cannot see any")
	}
	var reply events.CommandReply
	if err := r.client.Request(t.Context(), "commands.get", events.IDRequest{ID: id}, &reply, 0); err != nil || reply.Command.Sequence != 3 {
		t.Errorf("the command has %d events (%v), want 3: none of a forgery", reply.Command.Sequence, err)
	}
}

// apiCalls counts the JetStream API requests of the account so far, with the one
// this makes.
func (r *rig) apiCalls() uint64 {
	r.t.Helper()
	js, err := jetstream.New(r.connect())
	if err != nil {
		r.t.Fatal(err)
	}
	info, err := js.AccountInfo(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return info.API.Total
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
