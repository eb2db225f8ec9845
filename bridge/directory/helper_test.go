package directory_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge"
	"devicebridge/bridge/directory"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

const (
	objectID = "6a59ea83-02bd-468f-a40b-f2c3d1821983"
	groupID  = "80a963dd-84af-4eb8-b2a6-781e444d4fb0"
	newOne   = `{"deviceId":"d","accountEnabled":false,"alternativeSecurityIds":[{"type":2,"key":"a2V5"}],` +
		`"displayName":"Test device","operatingSystem":"linux","operatingSystemVersion":"1"}`
)

// scripted is a Graph that notes what it is asked, and answers with what it is
// given.
type scripted struct {
	asked   []string
	err     error
	devices graph.DevicePage
	objects graph.ObjectPage
	changes graph.DeltaPage
	device  events.DirectoryDevice
	ids     []string
}

func (s *scripted) note(format string, args ...any) error {
	s.asked = append(s.asked, fmt.Sprintf(format, args...))
	return s.err
}

func (s *scripted) DevicesLink(q graph.Query) graph.Link {
	_ = s.note("DevicesLink %+v", q)
	return graph.Link{URL: "first", Eventual: q.Count}
}

func (s *scripted) RelatedLink(key graph.DeviceKey, r graph.Relationship, q graph.Query) (graph.Link, error) {
	return graph.Link{URL: "first " + string(r)}, s.note("RelatedLink %+v %s %+v", key, r, q)
}

func (s *scripted) DeltaLink(q graph.DeltaQuery) string {
	_ = s.note("DeltaLink %+v", q)
	return "delta"
}

func (s *scripted) Devices(_ context.Context, link graph.Link) (graph.DevicePage, error) {
	return s.devices, s.note("Devices %+v", link)
}

func (s *scripted) Related(_ context.Context, link graph.Link) (graph.ObjectPage, error) {
	return s.objects, s.note("Related %+v", link)
}

func (s *scripted) Delta(_ context.Context, link string) (graph.DeltaPage, error) {
	return s.changes, s.note("Delta %s", link)
}

func (s *scripted) Device(_ context.Context, key graph.DeviceKey, q graph.Query) (events.DirectoryDevice, error) {
	return s.device, s.note("Device %+v %+v", key, q)
}

func (s *scripted) CountDevices(_ context.Context, q graph.Query) (int64, error) {
	return 893, s.note("CountDevices %+v", q)
}

func (s *scripted) CreateDevice(_ context.Context, device events.DirectoryDevice) (events.DirectoryDevice, error) {
	return s.device, s.note("CreateDevice %s", jsonOf(device))
}

func (s *scripted) UpdateDevice(_ context.Context, key graph.DeviceKey, changes events.DirectoryDevice) error {
	return s.note("UpdateDevice %+v %s", key, jsonOf(changes))
}

func (s *scripted) DeleteDevice(_ context.Context, key graph.DeviceKey) error {
	return s.note("DeleteDevice %+v", key)
}

func (s *scripted) AddReference(_ context.Context, key graph.DeviceKey, r graph.Relationship, id string) error {
	return s.note("AddReference %+v %s %s", key, r, id)
}

func (s *scripted) RemoveReference(_ context.Context, key graph.DeviceKey, r graph.Relationship, id string) error {
	return s.note("RemoveReference %+v %s %s", key, r, id)
}

func (s *scripted) CheckMemberObjects(_ context.Context, key graph.DeviceKey, ids []string) ([]string, error) {
	if len(ids) == 0 || slices.Contains(ids, "") {
		return nil, &graph.ArgumentError{Argument: "ids", Reason: "has too few"}
	}
	return s.ids, s.note("CheckMemberObjects %+v %v", key, ids)
}

func (s *scripted) GetMemberObjects(_ context.Context, key graph.DeviceKey, securityEnabledOnly bool) ([]string, error) {
	return s.ids, s.note("GetMemberObjects %+v %t", key, securityEnabledOnly)
}

func jsonOf(v any) string {
	text, err := events.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// service gives the endpoints, by name, of a service that may write.
func service(t *testing.T, g directory.Graph, change ...func(*directory.Options)) map[string]bridge.Endpoint {
	t.Helper()
	options := directory.Options{Graph: g, Write: true}
	for _, c := range change {
		c(&options)
	}
	s, err := directory.New(options)
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]bridge.Endpoint)
	for _, e := range s.Endpoints() {
		byName[strings.TrimPrefix(e.Name, "directory.devices.")] = e
	}
	return byName
}

// ask gives an endpoint's reply as JSON.
func ask(t *testing.T, e bridge.Endpoint, body string) string {
	t.Helper()
	reply, err := e.Handle(t.Context(), nil, []byte(body))
	if err != nil {
		t.Fatalf("%s refuses %s: %v", e.Name, body, err)
	}
	return jsonOf(reply)
}

// refused gives the refusal of a request.
func refused(t *testing.T, e bridge.Endpoint, body string, code events.Code) *events.Error {
	t.Helper()
	reply, err := e.Handle(t.Context(), nil, []byte(body))
	refusal, ok := errors.AsType[*events.Error](err)
	if !ok || refusal.Code != code {
		t.Fatalf("%s answers %s with %v, %v; want %s", e.Name, body, reply, err, code)
	}
	return refusal
}

func read[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
