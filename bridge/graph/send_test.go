package graph_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

func TestSendTheDocumentedExamples(t *testing.T) {
	cases := []struct {
		name, request, response, id string
		command                     graph.CommandRequest
	}{
		{"launchUri", "launchuri-request", "launchuri-response", "0158355AD4D680CC4E2994CC009EFFD7337D1B...", launch()},
		{
			"appService", "appservice-request", "appservice-response", "0158355AD4D680CC4E2994CC009EFFD7EADA8307E96FF1C8D19B..",
			graph.CommandRequest{
				DeviceID: deviceID, Type: events.TypeAppService,
				AppServiceName:    "com.microsoft.test.cdppingpongservice",
				PackageFamilyName: "5085ShawnHenry.RomanTestApp_jsjw7knzsgcce",
				Payload:           json.RawMessage(`{"Type":"Toast","Title":"Hello","Subtitle":"World!"}`),
			},
		},
		{"schema", "launchuri-request", "send-schema-response", "0", launch()},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got, body = r, readAll(t, r.Body)
				answer(w, http.StatusCreated, sample(t, c.response))
			})
			o, err := client.Send(t.Context(), c.command)
			if err != nil {
				t.Fatal(err)
			}
			if o.GraphID != c.id || o.Status != "requesting" || o.Error != "" || o.ResponsePayload != nil {
				t.Errorf("observation %+v", o)
			}
			if want := "POST /beta/me/devices/" + deviceID + "/commands"; got.Method+" "+got.RequestURI != want {
				t.Errorf("asked %s %s, want %s", got.Method, got.RequestURI, want)
			}
			if want := events.Compact(sample(t, c.request)); !bytes.Equal(body, want) {
				t.Errorf("sent\n%s, want\n%s", body, want)
			}
			checkHeaders(t, got.Header, map[string]string{
				"Authorization": "Bearer " + token,
				"Accept":        "application/json",
				"Content-Type":  "application/json; charset=utf-8",
				"User-Agent":    "devicebridge",
			})
			for _, h := range []string{"Idempotency-Key", "X-Idempotency-Key", "Expect"} {
				if got.Header.Get(h) != "" {
					t.Errorf("%s was sent", h)
				}
			}
		})
	}
}

func checkHeaders(t *testing.T, got http.Header, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, got.Get(name), value)
		}
	}
	if _, err := uuid.Parse(got.Get("client-request-id")); err != nil {
		t.Errorf("client-request-id %q: %v", got.Get("client-request-id"), err)
	}
}

func TestSendKeepsThePayloadAndTheCallbackAsTheyAre(t *testing.T) {
	var body []byte
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body = readAll(t, r.Body)
		answer(w, http.StatusCreated, sample(t, "launchuri-response"))
	})
	r := launch()
	r.Payload = json.RawMessage(`{"b":1.50,"a":"<&>","b":12345678901234567890}`)
	r.PostBackURI = "https://bridge.example/postback/x/y?a=1&b=2"
	if _, err := client.Send(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	want := `{"type":"LaunchUri","payload":` + string(r.Payload) + `,"postBackUri":"` + r.PostBackURI + `"}`
	if string(body) != want {
		t.Errorf("sent %s, want %s", body, want)
	}
}

func TestSendWhatCannotBeSentIsRefusedUnsent(t *testing.T) {
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("Graph was asked") })
	for name, change := range map[string]func(*graph.CommandRequest){
		"no device":       func(r *graph.CommandRequest) { r.DeviceID = "" },
		"dot device":      func(r *graph.CommandRequest) { r.DeviceID = "." },
		"dot-dot device":  func(r *graph.CommandRequest) { r.DeviceID = ".." },
		"unknown type":    func(r *graph.CommandRequest) { r.Type = "reboot" },
		"broken payload":  func(r *graph.CommandRequest) { r.Payload = json.RawMessage(`{"a":`) },
		"no JSON payload": func(r *graph.CommandRequest) { r.Payload = json.RawMessage(`hello`) },
	} {
		t.Run(name, func(t *testing.T) {
			r := launch()
			change(&r)
			_, err := client.Send(t.Context(), r)
			sendError(t, err, graph.Refused)
		})
	}
}

func TestIDsStayOneSegment(t *testing.T) {
	ids := []string{
		"a/b", "../x", "a?b", "a#b", "a b", "100%", "%2e%2e", "%2F", `a\b`, "ü…", "a;b,c", "a+b&c=d", "a:b@c", "\x00\n", "...", strings.Repeat("x", 900),
	}
	for _, id := range ids {
		t.Run(id, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/beta/me/devices/"+id+"/commands/"+id || r.URL.RawQuery != "" {
					t.Errorf("path %q, query %q", r.URL.Path, r.URL.RawQuery)
				}
				if n := strings.Count(r.URL.EscapedPath(), "/"); n != 6 {
					t.Errorf("%d slashes in %s", n, r.URL.EscapedPath())
				}
				answer(w, http.StatusOK, sample(t, "status-bare"))
			})
			if _, err := client.Command(t.Context(), id, id); err != nil {
				t.Error(err)
			}
		})
	}
}
