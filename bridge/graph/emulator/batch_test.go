package emulator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/directory"
)

// item is the answer to one request of a batch.
type item struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    any               `json:"body"`
}

// member returns a member of the body, which must be an object.
func (i item) member(name string) any {
	body, _ := i.Body.(map[string]any)
	return body[name]
}

// batch posts requests, which are the elements of a JSON array, and returns the answers, which come in the same order.
func (g *graph) batch(path, requests string) []item {
	g.t.Helper()
	a := g.do(http.MethodPost, path, `{"requests":[`+requests+`]}`)
	var body struct{ Responses []item }
	if err := json.Unmarshal(a.raw, &body); err != nil || a.status != http.StatusOK || a.header.Get("Request-Id") == "" {
		g.t.Fatalf("%d %s: %v", a.status, a.raw, err)
	}
	return body.Responses
}

func startBatch(t *testing.T, o emulator.Options) *graph {
	t.Helper()
	d, err := directory.New(directory.Options{Authorize: o.Authorize})
	if err != nil {
		t.Fatal(err)
	}
	o.Directory = d
	return start(t, o)
}

func TestBatch(t *testing.T) {
	g := startBatch(t, emulator.Options{})
	got := g.batch("/beta/$batch", `
		{"id":"list","method":"GET","url":"/me/devices?$top=2&$select=name"},
		{"id":"send","method":"post","url":"me/devices/`+tablet+`/commands","headers":{"content-type":"application/json"},"body":`+launch+`},
		{"id":"none","method":"GET","url":"/me/devices/nobody","dependsOn":[]},
		{"id":"filter","method":"GET","url":"me/devices?$filter=platform eq 'Windows' and kind eq 'Tablet'","body":null},
		{"id":"wrong","method":"DELETE","url":"/me/devices"}`)
	for i, want := range []struct {
		id     string
		status int
	}{{"list", 200}, {"send", 201}, {"none", 404}, {"filter", 200}, {"wrong", 405}} {
		if got[i].ID != want.id || got[i].Status != want.status || !strings.HasPrefix(got[i].Headers["Content-Type"], "application/json") || got[i].Headers["Request-Id"] == "" {
			t.Errorf("%+v", got[i])
		}
	}
	if next, _ := got[0].member("@odata.nextLink").(string); !strings.HasPrefix(next, g.url+"/beta/me/devices?") || g.get(strings.TrimPrefix(next, g.url)).status != http.StatusOK {
		t.Errorf("next link %q", next)
	}
	if devices, _ := got[3].member("value").([]any); len(devices) != 1 {
		t.Errorf("%v", got[3])
	}
	if got[4].Headers["Allow"] != "GET" {
		t.Errorf("%v", got[4])
	}
	taken := g.Commands()
	if len(taken) != 1 || !taken[0].Taken || string(taken[0].Body) != launch || taken[0].CommandID != got[1].member("id") {
		t.Errorf("%+v", taken)
	}
	g.await(emulator.EventStatus, emulator.StatusCompleted)
}

// The two versions stand for what they stand for outside of a batch, and the directory is in it.
func TestBatchOfAVersion(t *testing.T) {
	g := startBatch(t, emulator.Options{})
	got := g.batch("/V1.0/$Batch", `
		{"id":"1","method":"GET","url":"/devices?$top=1"},
		{"id":"2","method":"GET","url":"/devices/$count","headers":{"ConsistencyLevel":"eventual"}},
		{"id":"3","method":"GET","url":"/me/devices"},
		{"id":"4","method":"DELETE","url":"/devices/000005c3-b7a6-4c61-89fc-80bf5ccfc366"},
		{"id":"5","method":"GET","url":"/devices/$count","headers":{"ConsistencyLevel":"eventual"}}`)
	if next, _ := got[0].member("@odata.nextLink").(string); got[0].Status != 200 || !strings.HasPrefix(next, g.url+"/V1.0/devices?") || got[0].Headers["X-Ms-Resource-Unit"] != "2" {
		t.Errorf("%+v", got[0])
	}
	if got[1].Status != 200 || got[1].Body != "12" || got[1].Headers["Content-Type"] != "text/plain" || got[4].Body != "11" {
		t.Errorf("%+v, %+v", got[1], got[4])
	}
	if got[2].Status != 400 || got[3].Status != 204 || got[3].Body != nil {
		t.Errorf("%+v, %+v", got[2], got[3])
	}
	for _, a := range []answer{g.get("/v1.0/$batch"), g.get("/beta/$batch")} {
		mustRefuse(t, a, 405, "notAllowed", "POST")
	}
}

// What depends on a request that failed is not done, however far behind it stands.
func TestBatchDependencies(t *testing.T) {
	g := startBatch(t, emulator.Options{})
	send := `"method":"POST","url":"/me/devices/` + tablet + `/commands","headers":{"Content-Type":"application/json"},"body":` + launch
	got := g.batch("/beta/$batch", `
		{"id":"A","method":"GET","url":"/me/devices/`+tablet+`"},
		{"id":"b","dependsOn":["a"],"method":"GET","url":"/me/devices/nobody"},
		{"id":"c","dependsOn":["B"],`+send+`},
		{"id":"d","dependsOn":["a","c"],`+send+`},
		{"id":"e",`+send+`}`)
	var statuses []int
	for _, r := range got {
		statuses = append(statuses, r.Status)
	}
	if fmt.Sprint(statuses) != "[200 404 424 424 201]" || len(g.Commands()) != 1 {
		t.Fatalf("%v, %d commands", statuses, len(g.Commands()))
	}
	if text := fmt.Sprint(got[2].member("error")); !strings.Contains(text, "FailedDependency") || !strings.Contains(text, "'B'") {
		t.Errorf("%s", text)
	}
}

// A fault is of the one request that it is meant for.
func TestBatchFaults(t *testing.T) {
	g := startBatch(t, emulator.Options{Faults: emulator.Faults{Next: []emulator.Fault{
		{On: emulator.OpDevices, Kind: emulator.FaultThrottle}, {On: emulator.OpSend, Kind: emulator.FaultGarbled},
	}}})
	got := g.batch("/beta/$batch", `{"id":"1","method":"GET","url":"/me/devices"},{"id":"2","method":"GET","url":"/me/devices"},
		{"id":"3","method":"POST","url":"/me/devices/`+tablet+`/commands","headers":{"Content-Type":"application/json"},"body":`+launch+`}`)
	if got[0].Status != 429 || got[0].Headers["Retry-After"] != "2.128" || got[1].Status != 200 {
		t.Errorf("%+v", got)
	}
	if text, _ := got[2].Body.(string); got[2].Status != 201 || !strings.HasPrefix(text, "{") {
		t.Errorf("%+v", got[2])
	}
	if err := g.SetFaults(emulator.Faults{Next: []emulator.Fault{{Kind: emulator.FaultAnswerLost}}}); err != nil {
		t.Fatal(err)
	}
	body := `{"requests":[{"id":"1","method":"POST","url":"/me/devices/` + tablet + `/commands","headers":{"Content-Type":"application/json"},"body":` + launch + `}]}`
	if _, err := g.request(http.MethodPost, "/beta/$batch", body, nil); err == nil || len(g.Commands()) != 2 {
		t.Errorf("%v, %d commands", err, len(g.Commands()))
	}
}

// The token of the batch is that of its requests; one that is good for nothing is refused once.
func TestBatchTokens(t *testing.T) {
	g := startBatch(t, emulator.Options{Authorize: func(token string, anyOf emulator.Permissions) error {
		switch {
		case token == "old":
			return errors.New("expired")
		case token == "Eaeou" && len(anyOf.Personal) == 0:
			return fmt.Errorf("%w: personal accounts are not supported here", emulator.ErrForbidden)
		}
		return nil
	}})
	got := g.batch("/v1.0/$batch", `{"id":"1","method":"GET","url":"/devices"},
		{"id":"2","method":"GET","url":"/devices","headers":{"authorization":"Bearer good"}},
		{"id":"3","method":"GET","url":"/devices","headers":{"Authorization":"Bearer old"}}`)
	if got[0].Status != 403 || got[1].Status != 200 || got[2].Status != 401 || !strings.Contains(got[2].Headers["Www-Authenticate"], g.url) {
		t.Errorf("%+v", got)
	}
	const id = "7f1c2d34-5e6f-4a1b-9c8d-0e1f2a3b4c5d"
	for token, message := range map[string]string{"": "empty", "Bearer old": "expired", "Basic x": "Bearer"} {
		a, err := g.request(http.MethodPost, "/beta/$batch", `{"requests":[{"id":"1","method":"GET","url":"/me/devices"}]}`, map[string]string{"Authorization": token})
		if err != nil {
			t.Fatal(err)
		}
		mustRefuse(t, a, 401, "InvalidAuthenticationToken", message)
	}
	a, err := g.request(http.MethodPost, "/beta/$batch", `{"requests":[{"id":"1","method":"GET","url":"/me/devices"}]}`, map[string]string{"client-request-id": id})
	if err != nil || strings.Count(string(a.raw), id) != 1 || a.header.Get("client-request-id") != id {
		t.Errorf("%v %s", err, a.raw)
	}
}

func TestRefusedBatches(t *testing.T) {
	g := startBatch(t, emulator.Options{})
	many := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`{"id":"%d","method":"GET","url":"/me/devices"}`, i))
		}
		return strings.Join(list, ",")
	}
	if got := g.batch("/beta/$batch", many(20)); len(got) != 20 || got[19].Status != 200 {
		t.Errorf("%+v", got)
	}
	const get = `"method":"GET","url":"/me/devices"`
	for body, message := range map[string]string{
		`{`:                                   "well-formed JSON",
		`[]`:                                  "JSON object",
		`{}`:                                  "'requests'",
		`{"requests":null}`:                   "'requests'",
		`{"requests":[]}`:                     "'requests'",
		`{"requests":{}}`:                     "requests",
		`{"requests":[],"more":1}`:            "more",
		`{"requests":[],"requests":[]}`:       "repeats",
		`{"requests":[` + many(21) + `]}`:     "21 requests",
		`{"requests":[{` + get + `}]}`:        "'id'",
		`{"requests":[{"id":1,` + get + `}]}`: "id",
		`{"requests":[{"id":"a","url":"/me/devices"}]}`:                                  "'method'",
		`{"requests":[{"id":"a","method":"GET"}]}`:                                       "'url'",
		`{"requests":[{"id":"a",` + get + `},{"id":"A",` + get + `}]}`:                   "not unique",
		`{"requests":[{"id":"a",` + get + `,"dependsOn":["b"]}]}`:                        "'b' is not",
		`{"requests":[{"id":"a",` + get + `,"dependsOn":["a"]}]}`:                        "'a' is not",
		`{"requests":[{"id":"a",` + get + `,"dependsOn":["b"]},{"id":"b",` + get + `}]}`: "'b' is not",
		`{"requests":[{"id":"a",` + get + `,"atomicityGroup":"g"}]}`:                     "atomicityGroup",
	} {
		mustRefuse(t, g.do(http.MethodPost, "/beta/$batch", body), 400, "BadRequest", message)
	}
	if a, err := g.request(http.MethodPost, "/beta/$batch", "x", map[string]string{"Content-Type": "text/plain"}); err != nil || a.status != 415 {
		t.Errorf("%v %d", err, a.status)
	}
	if len(g.Commands()) != 0 {
		t.Error("a refused batch was done in part")
	}
}

// One request that is malformed is refused by itself.
func TestRefusedRequestsOfABatch(t *testing.T) {
	g := startBatch(t, emulator.Options{})
	commands := `"method":"POST","url":"/me/devices/` + tablet + `/commands"`
	for request, message := range map[string]string{
		`"method":"GET","url":"https://graph.microsoft.com/beta/me/devices"`:                      "relative",
		`"method":"POST","url":"/$batch","headers":{"Content-Type":"application/json"},"body":{}`: "in a batch",
		`"method":"POST","url":"$Batch?x=1"`:                                                      "in a batch",
		`"method":"POST","url":"/%24b%61tch/"`:                                                    "in a batch",
		`"method":"GET","url":"/me/%zz"`:                                                          "malformed",
		commands + `,"body":` + launch:                                                            "Content-Type",
		commands + `,"headers":{"Content-Type":"image/png"},"body":{}`:                            "base64",
		commands + `,"headers":{"Content-Type":"image/png"},"body":"??"`:                          "base64",
		commands + `,"headers":{"Content-Type":"application/json"},"body":{"type":"Fly"}`:         "'type'",
		commands: "",
	} {
		for _, path := range []string{"/beta/$batch", "/v1.0/$batch"} {
			got := g.batch(path, `{"id":"1",`+request+`},{"id":"2","method":"GET","url":"/nothing"}`)
			text := fmt.Sprint(got[0].Body)
			if got[0].Status != 400 && got[0].Status != 415 || path == "/beta/$batch" && !strings.Contains(text, message) || len(got) != 2 {
				t.Errorf("%s %s: %+v", path, request, got)
			}
		}
	}
	got := g.batch("/beta/$batch", `{"id":"1",`+commands+`,"headers":{"Content-Type":"image/png"},"body":"aGVsbG8_"}`)
	if got[0].Status != 415 || string(g.Commands()[len(g.Commands())-1].Body) != "hello?" {
		t.Errorf("%+v", got)
	}
}

// A batch leads to no control surface, whose check of the caller it would pass over.
func TestBatchReachesNoControlSurface(t *testing.T) {
	for base, path := range map[string]string{"": "/beta/$batch", "/": "/$batch"} {
		g := startBatch(t, emulator.Options{BasePath: base})
		for _, url := range []string{"/emulator/commands", "/emulator/directory/requests", "/%65mulator/commands", "../emulator/commands", "/../emulator/directory/requests"} {
			for _, p := range []string{path, "/v1.0/$batch"} {
				if got := g.batch(p, `{"id":"1","method":"GET","url":"`+url+`"}`); got[0].Status != 404 && got[0].Status != 400 {
					t.Errorf("%s in %s: %+v", url, p, got)
				}
			}
		}
	}
}

// Mounted deeper, the links in a batch keep the whole path.
func TestBatchMountedDeeper(t *testing.T) {
	g := startBatch(t, emulator.Options{PageSize: 1})
	srv := httptest.NewServer(http.StripPrefix("/some/where", g.Emulator))
	defer srv.Close()
	g.url = srv.URL
	got := g.batch("/some/where/beta/$batch", `{"id":"1","method":"GET","url":"/me/devices"}`)
	next, _ := got[0].member("@odata.nextLink").(string)
	if !strings.HasPrefix(next, srv.URL+"/some/where/beta/me/devices?") || g.get(strings.TrimPrefix(next, srv.URL)).status != http.StatusOK {
		t.Errorf("%+v", got)
	}
}
