package graph_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

func TestDevicesInEitherCasing(t *testing.T) {
	surface := events.Device{
		ID: deviceID, Name: "JimSurface", Kind: "Tablet", Platform: "Windows",
		Model: "Surface Book", Manufacturer: "Microsoft Corporation", Status: "Unknown",
	}
	camel := `{"value":[{"name":"JimSurface","id":"` + deviceID + `","status":"Unknown","platform":"Windows","kind":"Tablet",` +
		`"model":"Surface Book","manufacturer":"Microsoft Corporation","image":null}]}`
	for name, body := range map[string]string{
		"Pascal": string(sample(t, "devices-pascal")), "camel": camel, "upper": strings.Replace(camel, `"id"`, `"ID"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/beta/me/devices" {
					t.Errorf("asked %s", r.URL.Path)
				}
				answer(w, http.StatusOK, []byte(body))
			})
			got, err := client.Devices(t.Context())
			if err != nil || !slices.Equal(got, []events.Device{surface}) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestDevicesFollowsPages(t *testing.T) {
	pages := map[string]string{
		"":                   `{"value":[{"id":"a"},{"name":"without an id"},{"id":"b"}],"@odata.nextLink":"%s/beta/me/devices?$skiptoken=X%%2F1+a"}`,
		"$skiptoken=X%2F1+a": `{"Value":[],"@odata.nextlink":"/beta/me/devices?$skiptoken=2"}`,
		"$skiptoken=2":       `{"value":[{"id":"b","name":"again"},{"id":"c"}],"@odata.nextLink":"?$skiptoken=3#x"}`,
		"$skiptoken=3":       `{"value":[{"id":"d"}],"@odata.nextLink":null}`,
	}
	var host string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.RawQuery]
		if !ok || r.URL.Path != "/beta/me/devices" {
			t.Errorf("asked %s", r.RequestURI)
		}
		if strings.Contains(page, "%s") {
			page = fmt.Sprintf(page, host)
		}
		answer(w, http.StatusOK, []byte(page))
	}))
	t.Cleanup(server.Close)
	host = server.URL
	got, err := newClient(t, server.URL+"/beta/").Devices(t.Context())
	want := []events.Device{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDevicesOfAnEmptyAccount(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, []byte(`{"value":[]}`)) })
	if got, err := client.Devices(t.Context()); err != nil || got == nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDevicesStaysOnItsOrigin(t *testing.T) {
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token left its origin") }))
	t.Cleanup(stranger.Close)
	for _, link := range []string{
		stranger.URL + "/beta/me/devices",
		"//" + strings.TrimPrefix(stranger.URL, "http://") + "/beta",
		"https://graph.microsoft.com/beta/me/devices?$skiptoken=1",
		"https://HOST/beta/me/devices",
		"http://someone@HOST/beta/me/devices",
		"http://localhost.example/",
		"file:///etc/passwd",
		"http://[::1",
		"mailto:a@b",
	} {
		t.Run(link, func(t *testing.T) {
			var asked atomic.Int32
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				link := strings.ReplaceAll(link, "HOST", r.Host)
				answer(w, http.StatusOK, []byte(`{"value":[{"id":"a"}],"@odata.nextLink":"`+link+`"}`))
			})
			got, err := client.Devices(t.Context())
			if err == nil || asked.Load() != 1 {
				t.Errorf("got %v, asked %d times", got, asked.Load())
			}
		})
	}
}

func TestDevicesEnds(t *testing.T) {
	big := `{"id":"x","name":"` + strings.Repeat("x", 3<<20) + `"}`
	for name, page := range map[string]func(n int32) string{
		"loop":    func(int32) string { return `{"value":[],"@odata.nextLink":"?$skiptoken=1"}` },
		"endless": func(n int32) string { return fmt.Sprintf(`{"value":[],"@odata.nextLink":"?$skiptoken=%d"}`, n) },
		"too large together": func(n int32) string {
			return fmt.Sprintf(`{"value":[%s],"@odata.nextLink":"?$skiptoken=%d"}`, big, n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				answer(w, http.StatusOK, []byte(page(asked.Add(1))))
			})
			if _, err := client.Devices(t.Context()); err == nil || asked.Load() > 100 {
				t.Errorf("asked %d times: %v", asked.Load(), err)
			}
		})
	}
}

func TestDevicesRefusesWhatIsNoList(t *testing.T) {
	for _, body := range []string{"", "null", "{}", "[]", `{"value":null}`, `{"value":{}}`, `{"value":[1]}`, `{"value":[[]]}`, `{"value":[`} {
		t.Run(body, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, []byte(body)) })
			if got, err := client.Devices(t.Context()); err == nil {
				t.Errorf("got %v", got)
			}
		})
	}
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusForbidden, nil) })
	if _, err := client.Devices(t.Context()); err == nil || graph.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
}
