package graph_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"devicebridge/bridge/graph"
)

func TestCommandReadsTheDocumentedForms(t *testing.T) {
	const wrappedID = "0158355AD4D680CC4E2994CC009EFFD7337D1335FCA6ED266…"
	cases := []struct{ name, body, id, status string }{
		{"bare", string(sample(t, "status-bare")), "0", "requesting"},
		{"wrapped", string(sample(t, "status-wrapped")), wrappedID, "completed"},
		{"Pascal", `{"Id":"0","Status":"executing","Error":null}`, "0", "executing"},
		{"list of one", `{"value":[{"id":"0","status":"retry"}]}`, "0", "retry"},
		{"list of several", `{"value":[{"id":"1","status":"retry"},{"id":"0","status":"expired"}]}`, "0", "expired"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if want := "/beta/me/devices/" + deviceID + "/commands/" + c.id; r.Method != http.MethodGet || r.URL.Path != want {
					t.Errorf("asked %s %s, want %s", r.Method, r.URL.Path, want)
				}
				if r.Header.Get("Content-Type") != "" {
					t.Errorf("a GET with a Content-Type")
				}
				checkHeaders(t, r.Header, map[string]string{"Authorization": "Bearer " + token, "Accept": "application/json"})
				answer(w, http.StatusOK, []byte(c.body))
			})
			o, err := client.Command(t.Context(), deviceID, c.id)
			if err != nil || o.GraphID != c.id || o.Status != c.status || o.Error != "" {
				t.Errorf("got %+v, %v", o, err)
			}
		})
	}
}

func TestCommandRefusesWhatSaysNothing(t *testing.T) {
	for name, body := range map[string]string{
		"empty": "", "HTML": "<html>", "payload": string(sample(t, "payload")), "other commands": `{"value":[{"id":"1"},{"id":"2"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, []byte(body)) })
			if o, err := client.Command(t.Context(), deviceID, "0"); err == nil {
				t.Errorf("got %+v", o)
			}
		})
	}
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	if _, err := client.Command(t.Context(), deviceID, ""); err == nil {
		t.Error("an empty id was taken")
	}
	if _, err := client.ResponsePayload(t.Context(), deviceID, ".."); err == nil {
		t.Error("a dot-dot id was taken")
	}
}

func TestResponsePayload(t *testing.T) {
	cases := []struct{ name, body, want string }{
		{"documented", string(sample(t, "payload")), `{"MsIgnoredParameter":0,"CreationDate":"04/27/2017","Type":"Ok"}`},
		{"documented schema", string(sample(t, "payload-schema")), `{"MsIgnoredParameter":0,"CreationDate":"date-time","Type":"Ok"}`},
		{"the app's own value", `{"value": [1, 2]}`, `{"value":[1,2]}`},
		{"a string", `"hello"`, `"hello"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if want := "/beta/me/devices/" + deviceID + "/commands/0/responsePayload"; r.URL.Path != want {
					t.Errorf("asked %s, want %s", r.URL.Path, want)
				}
				answer(w, http.StatusOK, []byte(c.body))
			})
			got, err := client.ResponsePayload(t.Context(), deviceID, "0")
			if err != nil || string(got) != c.want {
				t.Errorf("got %s, %v; want %s", got, err, c.want)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		if got, err := client.ResponsePayload(t.Context(), deviceID, "0"); err == nil {
			t.Errorf("got %s", got)
		}
	})
	t.Run("404", func(t *testing.T) {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusNotFound, nil) })
		if _, err := client.ResponsePayload(t.Context(), deviceID, "0"); !graph.IsNotFound(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestGETRetriesWhatGraphAsksToRetry(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var asked atomic.Int32
			ids := make(chan string, 3)
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				ids <- r.Header.Get("client-request-id")
				if asked.Add(1) < 3 {
					w.Header().Set("Retry-After", "0.01")
					answer(w, status, nil)
					return
				}
				answer(w, http.StatusOK, sample(t, "status-bare"))
			})
			if _, err := client.Command(t.Context(), deviceID, "0"); err != nil {
				t.Fatal(err)
			}
			if a, b := <-ids, <-ids; a == b {
				t.Errorf("two requests with one client-request-id")
			}
		})
	}
}

func TestGETDoesNotRetryTheRest(t *testing.T) {
	for status, retryAfter := range map[int]string{400: "", 404: "", 500: "0.01", 501: "", 502: "", 429: "5.5", 503: "600"} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var asked atomic.Int32
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				if retryAfter != "" {
					w.Header().Set("Retry-After", retryAfter)
				}
				answer(w, status, nil)
			})
			_, err := client.Command(t.Context(), deviceID, "0")
			e, ok := errors.AsType[*graph.Error](err)
			if !ok || e.StatusCode != status || asked.Load() != 1 {
				t.Fatalf("asked %d times: %v", asked.Load(), err)
			}
			if want, _ := time.ParseDuration(retryAfter + "s"); e.RetryAfter != want {
				t.Errorf("wait %s, want %s", e.RetryAfter, want)
			}
		})
	}
}

func TestGETRefreshesTheTokenOnceAfter401(t *testing.T) {
	credential := &tokens{}
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("Authorization"), "-1") {
			answer(w, http.StatusUnauthorized, nil)
			return
		}
		answer(w, http.StatusOK, sample(t, "status-bare"))
	}, withCredential(credential))
	if _, err := client.Command(t.Context(), deviceID, "0"); err != nil || credential.given.Load() != 2 {
		t.Errorf("%v, %d tokens", err, credential.given.Load())
	}
}
