package graph_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// newDevice is the sample of Graph's page device-post-devices.
const newDevice = `{"deviceId":"4c299165-6e8f-4b45-a5ba-c5d250a707ff","accountEnabled":false,` +
	`"alternativeSecurityIds":[{"type":2,"key":"base64Y3YxN2E1MWFlYw=="}],"displayName":"Test device",` +
	`"operatingSystem":"linux","operatingSystemVersion":"1"}`

func device() events.DirectoryDevice {
	return events.DirectoryDevice{
		AccountEnabled: events.Some(false),
		AlternativeSecurityIDs: events.Some([]events.AlternativeSecurityID{
			{Type: events.Some[int32](2), Key: events.Some("base64Y3YxN2E1MWFlYw==")},
		}),
		DeviceID:               events.Some("4c299165-6e8f-4b45-a5ba-c5d250a707ff"),
		DisplayName:            events.Some("Test device"),
		OperatingSystem:        events.Some("linux"),
		OperatingSystemVersion: events.Some("1"),
	}
}

func TestDirectoryWrites(t *testing.T) {
	key, other := graph.DeviceKey{ID: objectID}, graph.DeviceKey{DeviceID: "it's"}
	owner := `{"@odata.id":"BASE/directoryObjects/` + groupID + `"}`
	directory := play(t,
		step{method: "POST", uri: "/devices", body: newDevice, status: 201, answer: `{"id":"` + objectID + `",` + newDevice[1:]},
		step{
			method: "PATCH", uri: "/devices/" + objectID,
			body: `{"deviceCategory":null,"extensionAttributes":{"extensionAttribute1":"<x>","extensionAttribute2":null}}`, status: 204,
		},
		step{method: "PATCH", uri: "/devices(deviceId='it%27%27s')", body: `{"accountEnabled":false}`, status: 204},
		step{method: "DELETE", uri: "/devices/" + objectID, status: 204},
		step{method: "DELETE", uri: "/devices(deviceId='it%27%27s')", status: 204},
	)
	created, err := directory.CreateDevice(t.Context(), device())
	if name, _ := created.DisplayName.Get(); err != nil || created.ID != objectID || name != "Test device" {
		t.Errorf("got %+v, %v", created, err)
	}
	changes := events.DirectoryDevice{
		DeviceCategory:      events.Null[string](),
		ExtensionAttributes: events.Some(events.ExtensionAttributes{ExtensionAttribute1: events.Some("<x>"), ExtensionAttribute2: events.Null[string]()}),
	}
	for _, err := range []error{
		directory.UpdateDevice(t.Context(), key, changes),
		directory.UpdateDevice(t.Context(), other, events.DirectoryDevice{AccountEnabled: events.Some(false)}),
		directory.DeleteDevice(t.Context(), key),
		directory.DeleteDevice(t.Context(), other),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, r := range []graph.Relationship{graph.RegisteredOwners, graph.RegisteredUsers} {
		checkReferences(t, r, owner)
	}
}

func checkReferences(t *testing.T, r graph.Relationship, owner string) {
	t.Helper()
	directory := serveDirectory(t, func(w http.ResponseWriter, request *http.Request) {
		body := strings.ReplaceAll(string(readAll(t, request.Body)), "http://"+request.Host+"/v1.0", "BASE")
		switch request.Method + " " + request.RequestURI {
		case "POST /v1.0/devices/" + objectID + "/" + string(r) + "/$ref":
			if body != owner {
				t.Errorf("the body is %s", body)
			}
		case "DELETE /v1.0/devices/" + objectID + "/" + string(r) + "/" + groupID + "/$ref":
			if body != "" {
				t.Errorf("the body is %s", body)
			}
		default:
			t.Errorf("asked %s %s", request.Method, request.RequestURI)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	key := graph.DeviceKey{ID: objectID}
	if err := errors.Join(directory.AddReference(t.Context(), key, r, groupID), directory.RemoveReference(t.Context(), key, r, groupID)); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"", "a/b", "..", "$ref"} {
		wantArgument(t, directory.AddReference(t.Context(), key, r, id), "objectId")
		wantArgument(t, directory.RemoveReference(t.Context(), key, r, id), "objectId")
	}
	wantArgument(t, directory.AddReference(t.Context(), key, graph.MemberOf, groupID), "relationship")
}

// serveDirectory runs handler on a real server and gives a client of it.
func serveDirectory(t *testing.T, handler http.HandlerFunc, change ...func(*graph.Options)) *graph.Directory {
	t.Helper()
	var directory *graph.Directory
	serve(t, handler, func(o *graph.Options) {
		o.BaseURL = strings.TrimSuffix(o.BaseURL, "/beta") + "/v1.0"
		for _, c := range change {
			c(o)
		}
		var err error
		if directory, err = graph.NewDirectory(*o); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(directory.CloseIdleConnections)
	return directory
}

func TestDirectoryMemberships(t *testing.T) {
	key := graph.DeviceKey{ID: objectID}
	directory := play(t,
		step{
			method: "POST", uri: "/devices/" + objectID + "/checkMemberObjects", body: `{"ids":["` + groupID + `","b"]}`,
			status: 200, answer: `{"value":["` + groupID + `"]}`,
		},
		step{
			method: "POST", uri: "/devices/" + objectID + "/getMemberObjects", body: `{"securityEnabledOnly":true}`, status: 200,
			answer: `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#Collection(Edm.String)","value":["a","b"]}`,
		},
		step{
			method: "POST", uri: "/devices/" + objectID + "/getMemberObjects", body: `{"securityEnabledOnly":false}`, status: 200,
			answer: `{"value":["a"],"@odata.nextLink":"HOST/v1.0/devices?$skiptoken=1"}`,
		},
	)
	ids, err := directory.CheckMemberObjects(t.Context(), key, []string{groupID, "b"})
	if err != nil || !slices.Equal(ids, []string{groupID}) {
		t.Errorf("got %v, %v", ids, err)
	}
	ids, err = directory.GetMemberObjects(t.Context(), key, true)
	if err != nil || !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("got %v, %v", ids, err)
	}
	if ids, err := directory.GetMemberObjects(t.Context(), key, false); err == nil {
		t.Errorf("a cut list is taken for the whole: %v", ids)
	}
	for _, ids := range [][]string{nil, slices.Repeat([]string{"a"}, 21), {"a", ""}} {
		_, err := directory.CheckMemberObjects(t.Context(), key, ids)
		wantArgument(t, err, "ids")
	}
	_, err = directory.GetMemberObjects(t.Context(), graph.DeviceKey{ID: ".."}, false)
	wantArgument(t, err, "id")
}

// Every change is asked for once, whatever comes of it.
func TestDirectoryWritesAreNotRetried(t *testing.T) {
	for status, uncertain := range map[int]bool{400: false, 403: false, 404: false, 409: false, 412: false, 429: false, 408: true, 500: true, 502: true, 503: false, 504: true, 307: false} {
		calls := map[string]func(*graph.Directory) error{
			"POST": func(d *graph.Directory) error { _, err := d.CreateDevice(t.Context(), device()); return err },
			"PATCH": func(d *graph.Directory) error {
				return d.UpdateDevice(t.Context(), graph.DeviceKey{ID: objectID}, events.DirectoryDevice{AccountEnabled: events.Some(true)})
			},
			"DELETE": func(d *graph.Directory) error { return d.DeleteDevice(t.Context(), graph.DeviceKey{ID: objectID}) },
		}
		for method, call := range calls {
			var asked atomic.Int32
			directory := serveDirectory(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if r.Method != method {
					t.Errorf("asked %s", r.Method)
				}
				w.Header().Set("Retry-After", "0.25")
				answer(w, status, []byte(graphError("someCode", "why")))
			})
			err := call(directory)
			e, ok := errors.AsType[*graph.Error](err)
			if !ok || e.StatusCode != status || e.Code != "someCode" || e.RetryAfter != 250*time.Millisecond || asked.Load() != 1 {
				t.Errorf("%s, %d: asked %d times, %v", method, status, asked.Load(), err)
			}
			if graph.IsUncertain(err) != uncertain {
				t.Errorf("%s, %d: uncertain is %t", method, status, graph.IsUncertain(err))
			}
		}
	}
}

func TestDirectoryWriteRefreshesTheTokenOnce(t *testing.T) {
	var asked atomic.Int32
	handler := func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if string(readAll(t, r.Body)) != newDevice {
			t.Error("the body is not whole")
		}
		if r.Header.Get("Authorization") == "Bearer token-1" {
			answer(w, http.StatusUnauthorized, []byte(graphError("InvalidAuthenticationToken", "expired")))
			return
		}
		answer(w, http.StatusCreated, []byte(`{"id":"`+objectID+`"}`))
	}
	if d, err := serveDirectory(t, handler, withCredential(&tokens{})).CreateDevice(t.Context(), device()); err != nil || d.ID != objectID || asked.Load() != 2 {
		t.Errorf("asked %d times: %+v, %v", asked.Load(), d, err)
	}
	_, err := serveDirectory(t, handler, withCredential(&tokens{last: 1})).CreateDevice(t.Context(), device())
	e, ok := errors.AsType[*graph.Error](err)
	if !ok || e.StatusCode != http.StatusUnauthorized || !strings.Contains(err.Error(), "signed out") || graph.IsUncertain(err) {
		t.Errorf("got %v", err)
	}
}

func TestDirectoryWriteWithoutAnAnswer(t *testing.T) {
	broken := serveDirectory(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if err := broken.DeleteDevice(t.Context(), graph.DeviceKey{ID: objectID}); err == nil || !graph.IsUncertain(err) {
		t.Errorf("a broken connection gives %v", err)
	}
	unreadable := serveDirectory(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusCreated, []byte("<html>")) })
	if _, err := unreadable.CreateDevice(t.Context(), device()); err == nil || !graph.IsUncertain(err) {
		t.Errorf("an unreadable 201 gives %v", err)
	}
	unreachable := newDirectory(t, "http://127.0.0.1:1/v1.0")
	if err := unreachable.DeleteDevice(t.Context(), graph.DeviceKey{ID: objectID}); err == nil || graph.IsUncertain(err) {
		t.Errorf("a server that is not there gives %v", err)
	}
	signedOut := serveDirectory(t, func(http.ResponseWriter, *http.Request) { t.Error("asked without a token") }, func(o *graph.Options) {
		c := &tokens{last: 1}
		c.given.Store(1)
		o.Credential = c
	})
	if err := signedOut.DeleteDevice(t.Context(), graph.DeviceKey{ID: objectID}); err == nil || graph.IsUncertain(err) {
		t.Errorf("no token gives %v", err)
	}
}

func TestNewDirectory(t *testing.T) {
	if _, err := graph.NewDirectory(graph.Options{}); err == nil || !strings.Contains(err.Error(), "Credential") {
		t.Errorf("got %v", err)
	}
	credential := &tokens{}
	var asked []string
	nowhere := roundTrip(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.String())
		return nil, errors.New("nowhere")
	})
	directory, err := graph.NewDirectory(graph.Options{Credential: credential, Transport: nowhere})
	if err != nil {
		t.Fatal(err)
	}
	if err := directory.DeleteDevice(t.Context(), graph.DeviceKey{ID: objectID}); err == nil {
		t.Error("no answer is no error")
	}
	if !slices.Equal(asked, []string{"https://graph.microsoft.com/v1.0/devices/" + objectID}) {
		t.Errorf("asked %v", asked)
	}
	if !slices.Equal(credential.scopes, []string{"https://graph.microsoft.com/.default"}) {
		t.Errorf("scopes %v", credential.scopes)
	}
}

// Metrics know every operation by name.
func TestDirectoryOperationsAreListed(t *testing.T) {
	seen := make(map[string]bool)
	directory := serveDirectory(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusBadRequest, nil)
	}, func(o *graph.Options) { o.Observe = func(e graph.Exchange) { seen[e.Operation] = true } })
	key, ctx := graph.DeviceKey{ID: objectID}, t.Context()
	link := directory.DevicesLink(graph.Query{})
	_, e1 := directory.Devices(ctx, link)
	_, e2 := directory.Related(ctx, link)
	_, e3 := directory.Delta(ctx, "")
	_, e4 := directory.Device(ctx, key, graph.Query{})
	_, e5 := directory.CountDevices(ctx, graph.Query{})
	_, e6 := directory.CreateDevice(ctx, device())
	_, e7 := directory.CheckMemberObjects(ctx, key, []string{"a"})
	_, e8 := directory.GetMemberObjects(ctx, key, false)
	for i, err := range []error{
		e1, e2, e3, e4, e5, e6, e7, e8, directory.UpdateDevice(ctx, key, device()), directory.DeleteDevice(ctx, key),
		directory.AddReference(ctx, key, graph.RegisteredOwners, groupID), directory.RemoveReference(ctx, key, graph.RegisteredOwners, groupID),
	} {
		if err == nil {
			t.Errorf("call %d has no error", i)
		}
	}
	if got, want := slices.Sorted(maps.Keys(seen)), slices.Sorted(slices.Values(graph.DirectoryOperations())); !slices.Equal(got, want) {
		t.Errorf("seen %v, listed %v", got, want)
	}
}

// Where Graph fails again and again, it is left alone, and a change is refused
// before it is sent.
func TestDirectoryLeavesAFailingGraphAlone(t *testing.T) {
	var asked atomic.Int32
	directory := serveDirectory(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		answer(w, http.StatusInternalServerError, nil)
	}, func(o *graph.Options) { o.CircuitFailures = 2 })
	for range 2 {
		if _, err := directory.CountDevices(t.Context(), graph.Query{}); err == nil {
			t.Error("500 is no error")
		}
	}
	err := directory.DeleteDevice(t.Context(), graph.DeviceKey{ID: objectID})
	if _, open := errors.AsType[*graph.CircuitOpenError](err); !open || graph.IsUncertain(err) || asked.Load() != 2 || !directory.Circuit().Open {
		t.Errorf("asked %d times, then %v", asked.Load(), err)
	}
}
