package graph_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"devicebridge/bridge/graph"
)

func TestDirectoryDelta(t *testing.T) {
	const changed = `{"accountEnabled":false,"createdDateTime":"2022-05-05T20:56:06Z","id":"a","deviceCategory":null,"@odata.type":"#microsoft.graph.device"}`
	first := get("/devices/delta", `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#devices",`+
		`"@odata.nextLink":"HOST/v1.0/devices/delta?$skiptoken=pqwSUj-gYv_b3","value":[`+changed+`]}`)
	second := get("/devices/delta?$skiptoken=pqwSUj-gYv_b3", `{"@odata.deltaLink":"HOST/v1.0/devices/microsoft.graph.delta()?$deltatoken=2",`+
		`"value":[{"id":"b","@removed":{"reason":"changed"}},{"id":"c"},{"@removed":{"reason":"deleted"},"id":"c","displayName":null}]}`)
	third := get("/devices/microsoft.graph.delta()?$deltatoken=2", `{"@odata.deltaLink":"HOST/v1.0/devices/delta?$deltatoken=3","value":[]}`)
	directory := play(t, first, second, third)

	page, err := directory.Delta(t.Context(), "")
	if err != nil || len(page.Changes) != 1 || string(page.Changes[0].Device) != changed || page.Changes[0].ID != "a" || page.DeltaLink != "" {
		t.Fatalf("got %+v, %v", page, err)
	}
	page, err = directory.Delta(t.Context(), page.NextLink)
	want := []graph.DeltaChange{
		{ID: "b", Reason: "changed"}, {ID: "c", Device: json.RawMessage(`{"id":"c"}`)}, {ID: "c", Reason: "deleted"},
	}
	if err != nil || !reflect.DeepEqual(page.Changes, want) || page.NextLink != "" {
		t.Fatalf("got %+v, %v", page, err)
	}
	page, err = directory.Delta(t.Context(), page.DeltaLink)
	if err != nil || page.NextLink != "" || !strings.HasSuffix(page.DeltaLink, "/v1.0/devices/delta?$deltatoken=3") {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestDirectoryDeltaBegins(t *testing.T) {
	const end = `{"value":[],"@odata.deltaLink":"HOST/v1.0/devices/delta?$deltatoken=1"}`
	for uri, q := range map[string]graph.DeltaQuery{
		"/devices/delta":                    {},
		"/devices/delta?$deltatoken=latest": {Latest: true},
		"/devices/delta?$select=id,displayName&$filter=id%20eq%20'a'%20or%20id%20eq%20'b'&$deltatoken=latest": {
			Select: []string{"id", "displayName"}, Filter: "id eq 'a' or id eq 'b'", Latest: true,
		},
	} {
		directory := play(t, get(uri, end))
		if page, err := directory.Delta(t.Context(), directory.DeltaLink(q)); err != nil || page.DeltaLink == "" {
			t.Errorf("%s: %+v, %v", uri, page, err)
		}
	}
}

func TestDirectoryDeltaRefusesWhatLeadsNowhere(t *testing.T) {
	for _, body := range []string{
		`{"value":[]}`,
		`{"value":[],"@odata.nextLink":"?$skiptoken=1","@odata.deltaLink":"?$deltatoken=1"}`,
		`{"value":[],"@odata.deltaLink":"https://evil.example/v1.0/devices/delta?$deltatoken=1"}`,
		`{"value":[],"@odata.nextLink":"HOST/v1.0/users/delta?$skiptoken=1"}`,
	} {
		if page, err := play(t, get("/devices/delta", body)).Delta(t.Context(), ""); err == nil {
			t.Errorf("%s gives %+v", body, page)
		}
	}
}

func TestDirectoryDeltaAsksForAResync(t *testing.T) {
	for name, c := range map[string]struct {
		status         int
		location, body string
		restart        string
		other          bool
	}{
		"410 with a Location":   {410, "HOST/v1.0/devices/delta?$deltatoken=", "", "HOST/v1.0/devices/delta?$deltatoken=", false},
		"a relative Location":   {410, "/v1.0/devices/delta?$deltatoken=", "", "HOST/v1.0/devices/delta?$deltatoken=", false},
		"410 alone":             {410, "", graphError("gone", "m"), "", false},
		"a Location elsewhere":  {410, "https://evil.example/v1.0/devices/delta", "", "", false},
		"a Location of users":   {410, "HOST/v1.0/users/delta", "", "", false},
		"400 syncStateNotFound": {400, "", `{"error":{"code":"BadRequest","message":"m","innerError":{"code":"syncStateNotFound"}}}`, "", false},
		"404 SyncStateNotFound": {404, "", graphError("SyncStateNotFound", "m"), "", false},
		"409 resyncRequired":    {409, "", graphError("resyncRequired", "m"), "", false},
		"400 of another kind":   {400, "", graphError("Request_BadRequest", "m"), "", true},
		"500 syncStateNotFound": {500, "", graphError("syncStateNotFound", "m"), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := step{method: http.MethodGet, uri: "/devices/delta?$deltatoken=old", status: c.status, answer: c.body}
			if c.location != "" {
				s.header = map[string]string{"Location": c.location}
			}
			directory := play(t, s)
			root := directory.DeltaLink(graph.DeltaQuery{})
			_, err := directory.Delta(t.Context(), root+"?$deltatoken=old")
			if e, ok := errors.AsType[*graph.Error](err); !ok || e.StatusCode != c.status {
				t.Fatalf("got %v", err)
			}
			stale, ok := errors.AsType[*graph.ResyncError](err)
			if ok == c.other {
				t.Fatalf("got %v", err)
			}
			want := strings.ReplaceAll(c.restart, "HOST", strings.TrimSuffix(root, "/v1.0/devices/delta"))
			if ok && (stale.Restart != want || !strings.Contains(err.Error(), "anew")) {
				t.Errorf("begin anew at %q, want %q: %v", stale.Restart, want, err)
			}
		})
	}
}

// TestDirectoryDeltaReadsWhatItCan: one odd entry does not spoil a page.
func TestDirectoryDeltaReadsWhatItCan(t *testing.T) {
	for entry, want := range map[string]graph.DeltaChange{
		`{"displayName":"x"}`:                {Device: json.RawMessage(`{"displayName":"x"}`)},
		`{"id":7}`:                           {Device: json.RawMessage(`{"id":7}`)},
		`"x"`:                                {Device: json.RawMessage(`"x"`)},
		`null`:                               {Device: json.RawMessage(`null`)},
		`{"id":"x","@removed":true}`:         {ID: "x"},
		`{"id":"x","@removed":{"reason":5}}`: {ID: "x"},
		`{"id":"x","@removed":null}`:         {ID: "x", Device: json.RawMessage(`{"id":"x","@removed":null}`)},
		`{"@removed":{"reason":"deleted"},"id":null}`: {Reason: "deleted"},
	} {
		directory := play(t, get("/devices/delta", `{"value":[{"id":"a"},`+entry+`,{"id":"z"}],"@odata.deltaLink":"HOST/v1.0/devices/delta?$deltatoken=1"}`))
		page, err := directory.Delta(t.Context(), "")
		if err != nil || len(page.Changes) != 3 || page.Changes[0].ID != "a" || page.Changes[2].ID != "z" || !reflect.DeepEqual(page.Changes[1], want) {
			t.Errorf("%s gives %+v, %v", entry, page, err)
		}
	}
}
