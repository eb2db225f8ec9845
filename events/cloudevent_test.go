package events_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"devicebridge/events"
)

// full gives a record in which every member is set, most of which never stand
// together.
func full() events.Command {
	at := time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC)
	return events.Command{
		ID: command, RequestID: "order-4711", CorrelationID: "basket-42", RetryOf: "h7j4ijk52ot7nb7imdjchevjzu",
		RequestSHA256: strings.Repeat("0f", 32), DeviceID: "6841b3db-2b55-467b-ad84-79a41a4ef665", Type: events.TypeAppService,
		AppServiceName: "com.microsoft.test.cdppingpongservice", PackageFamilyName: "5085ShawnHenry.RomanTestApp_jsjw7knzsgcce",
		Payload: json.RawMessage(`{"Type":"Toast"}`), State: events.StateDeferred, Round: 2, Seen: []string{"requesting"},
		GraphID: "0158355AD4D680CC4E2994CC009EFFD7", GraphStatus: "Requesting",
		Error:           &events.Error{Code: "TooManyRequests", Message: "Please retry after", Field: "x", HTTPStatus: 429, RequestID: "r"},
		Response:        events.ResponseStored,
		ResponsePayload: json.RawMessage(`{"Type":"Ok"}`),
		ResponseRef:     &events.ObjectRef{Bucket: "b", Name: "n", Size: 3, SHA256: strings.Repeat("0f", 32)},
		Erased:          &events.Erasure{State: events.StateCompleted, Reason: "asked", Events: []uint64{1}},
		Sequence:        17, Attempt: 1, Source: events.SourceDispatch,
		CreatedAt: at, UpdatedAt: at.Add(time.Second), ExpiresAt: at.Add(time.Hour), RetryAt: new(at.Add(3 * time.Second)),
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", TraceState: "a=1,b=2",
	}
}

func encode(t *testing.T, kind events.Kind, c events.Command) (map[string][]string, []byte) {
	t.Helper()
	header, body, err := events.Subjects{}.Encode(kind, c)
	if err != nil {
		t.Fatal(err)
	}
	return header, body
}

func TestEncode(t *testing.T) {
	header, body := encode(t, events.KindLinked, full())
	want := map[string][]string{
		"ce-specversion":   {"1.0"},
		"ce-id":            {command + ".17"},
		"ce-type":          {"devicebridge.command.linked.v1"},
		"ce-source":        {"urn:devicebridge:devicebridge.v1"},
		"ce-subject":       {"devices/6841b3db-2b55-467b-ad84-79a41a4ef665/commands/" + command},
		"ce-time":          {"2026-11-22T10:00:01.123456789Z"},
		"ce-dataschema":    {"urn:devicebridge:schema:command:v1"},
		"ce-sequence":      {"00000000000000000017"},
		"ce-correlationid": {"basket-42"},
		"content-type":     {"application/json"},
		"traceparent":      {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		"tracestate":       {"a=1,b=2"},
	}
	if !reflect.DeepEqual(header, want) {
		t.Errorf("headers %v, want %v", header, want)
	}
	if v := reflect.ValueOf(full()); slices.ContainsFunc(slices.Collect(fields(v)), func(f string) bool { return !strings.Contains(string(body), `"`+f+`":`) }) {
		t.Errorf("a member is missing in %s", body)
	}
}

// fields gives the JSON names of a struct's members.
func fields(v reflect.Value) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for f := range v.Type().Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && !yield(name) {
				return
			}
		}
	}
}

func TestEncodeLeavesOutWhatIsNot(t *testing.T) {
	header, body := encode(t, "accepted", events.Command{ID: command, TraceState: "alone"})
	for _, name := range []string{"ce-correlationid", "traceparent", "tracestate"} {
		if _, has := header[name]; has {
			t.Errorf("there is a header %s", name)
		}
	}
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	want := "attempt createdAt deviceId expiresAt id response round sequence source state terminal tracestate updatedAt"
	if got := strings.Join(slices.Sorted(maps.Keys(members)), " "); got != want {
		t.Errorf("members %s, want %s", got, want)
	}
}

func TestEncodeRefusesAPayloadThatIsNoJSON(t *testing.T) {
	if header, body, err := (events.Subjects{}).Encode("accepted", events.Command{ID: command, Payload: json.RawMessage("{")}); err == nil {
		t.Errorf("%v %s", header, body)
	}
}

// The payload is passed on, so a URI in it must not change, nor may a number
// that a float would round.
func TestPayloadsKeepTheirText(t *testing.T) {
	const payload = `{"uri":"https://e.com/?a=1&b=<2>","n":12345678901234567890.10}`
	header, body := encode(t, "accepted", events.Command{ID: command, Payload: json.RawMessage(payload), ResponsePayload: json.RawMessage(payload)})
	_, c, err := events.Decode(header, body)
	if err != nil || string(c.Payload) != payload || string(c.ResponsePayload) != payload {
		t.Errorf("%s and %s, %v", c.Payload, c.ResponsePayload, err)
	}
}

// commands draws records whose texts may be anything a caller can send.
func commands() *rapid.Generator[events.Command] {
	return rapid.Custom(func(r *rapid.T) events.Command {
		text := func(name string) string { return rapid.String().Draw(r, name) }
		at := func(name string) time.Time {
			return time.Unix(rapid.Int64Range(0, 4e9).Draw(r, name), rapid.Int64Range(0, 999999999).Draw(r, "ns")).UTC()
		}
		raw := func(name string) json.RawMessage {
			value, err := events.Marshal(rapid.MapOf(rapid.String(), rapid.String()).Draw(r, name))
			if err != nil {
				r.Fatal(err)
			}
			return value
		}
		c := full()
		c.ID, c.RequestID, c.CorrelationID = events.RequestCommandID(text("id")), text("requestId"), text("correlationId")
		c.DeviceID, c.AppServiceName, c.GraphID, c.GraphStatus = text("deviceId"), text("app"), text("graphId"), text("graphStatus")
		c.Payload, c.ResponsePayload = raw("payload"), raw("response")
		c.State, c.Sequence = rapid.SampledFrom(events.States()).Draw(r, "state"), rapid.IntRange(1, 1e6).Draw(r, "sequence")
		c.CreatedAt, c.UpdatedAt, c.ExpiresAt = at("created"), at("updated"), at("expires")
		c.Error.Message = text("message")
		if rapid.Bool().Draw(r, "sparse") {
			c.Error, c.RetryAt, c.Payload, c.ResponseRef, c.Seen, c.ResponsePayload = nil, nil, nil, nil, nil, nil
		}
		return c
	})
}

func TestDecodeGivesTheRecordBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c, kind := commands().Draw(r, "command"), rapid.SampledFrom(events.Kinds()).Draw(r, "kind")
		header, body, err := events.Subjects{}.Encode(kind, c)
		if err != nil {
			r.Fatal(err)
		}
		gotKind, got, err := events.Decode(header, body)
		if err != nil || gotKind != kind || !reflect.DeepEqual(got, c) {
			r.Fatalf("%v: %s\n%+v, want\n%+v", err, gotKind, got, c)
		}
		for name, values := range header {
			if len(values) != 1 || strings.IndexFunc(values[0], func(c rune) bool { return c < ' ' || c > '~' }) >= 0 {
				r.Fatalf("header %s is %q", name, values)
			}
		}
		if subject := events.HeaderUnescape(header["ce-subject"][0]); subject != wantSubject(c) {
			r.Fatalf("ce-subject is %q", subject)
		}
		if id := events.HeaderUnescape(events.HeaderValue(header, "CE-CorrelationID")); id != c.CorrelationID {
			r.Fatalf("ce-correlationid is %q, want %q", id, c.CorrelationID)
		}
	})
}

// wantSubject is the ce-subject of an event: nothing stands for a device that the
// caller did not name.
func wantSubject(c events.Command) string {
	if c.DeviceID == "" {
		return "commands/" + c.ID
	}
	return "devices/" + c.DeviceID + "/commands/" + c.ID
}

func TestEventWithoutADevice(t *testing.T) {
	header, _ := encode(t, "registered", events.Command{ID: command, Sequence: 1})
	if got := events.HeaderValue(header, "ce-subject"); got != "commands/"+command {
		t.Errorf("ce-subject is %q", got)
	}
}

// TestSequenceHasAnOrderByText: ce-sequence sorts as n does, and a reader takes it with
// zeros and, from an earlier version, without.
func TestSequenceHasAnOrderByText(t *testing.T) {
	before := ""
	for _, n := range []int{1, 2, 9, 10, 11, 99, 100, 1 << 40} {
		header, _ := encode(t, "accepted", events.Command{ID: command, Sequence: n})
		text := events.HeaderValue(header, "ce-sequence")
		if got, err := strconv.Atoi(text); text <= before || err != nil || got != n {
			t.Errorf("%d is %q, after %q", n, text, before)
		}
		before = text
	}
	for text, want := range map[string]bool{"1": true, "00000000000000000001": true, "10": false, "00000000000000000010": false, "": false} {
		if got := events.FirstOfCommand(map[string][]string{"ce-sequence": {text}}); got != want {
			t.Errorf("%q is the first: %t", text, got)
		}
	}
}

func TestFirstOfCommand(t *testing.T) {
	for sequence, want := range map[int]bool{0: false, 1: true, 2: false, 10: false, 11: false} {
		if header, _ := encode(t, "accepted", events.Command{ID: command, Sequence: sequence}); events.FirstOfCommand(header) != want {
			t.Errorf("event %d is the first: %t", sequence, !want)
		}
	}
	if events.FirstOfCommand(nil) {
		t.Error("a message without headers is a first event")
	}
}

func TestDecodeToleratesALaterVersion(t *testing.T) {
	header := map[string][]string{"Ce-Type": {"devicebridge.command.completed.v1"}}
	kind, c, err := events.Decode(header, []byte(`{"id":"x","state":"completed","mood":"good","error":{"code":"a","hint":1}}`))
	if err != nil || kind != "completed" || c.ID != "x" || c.State != events.StateCompleted || c.Error.Code != "a" {
		t.Errorf("%s, %+v, %v", kind, c, err)
	}
}

// TestAnEventWithoutItsPayloadHasAnotherVersion, so that replicas which would send the
// command from this record leave it alone: they know the types that end in .v1.
func TestAnEventWithoutItsPayloadHasAnotherVersion(t *testing.T) {
	for _, state := range events.States() {
		c := events.Command{ID: command, Type: events.TypeLaunchURI, State: state, Sequence: 3}
		c.PlacePayload()
		want := "devicebridge.command.linked.v1"
		if state == events.StateAccepted || state == events.StateDeferred {
			want = "devicebridge.command.linked.v2"
		}
		header, body := encode(t, events.KindLinked, c)
		if got := header["ce-type"][0]; got != want {
			t.Errorf("%s: ce-type %s, want %s", state, got, want)
		}
		kind, read, err := events.Decode(header, body)
		if again, _ := encode(t, kind, read); err != nil || again["ce-type"][0] != want {
			t.Errorf("%s: read and written again %v, %v", state, again, err)
		}
		c.Payload = json.RawMessage(`{}`)
		c.PlacePayload()
		if header, _ = encode(t, events.KindLinked, c); header["ce-type"][0] != "devicebridge.command.linked.v1" {
			t.Errorf("%s, with its payload: %s", state, header["ce-type"])
		}
	}
}

func TestDecodeRefusesOtherMessages(t *testing.T) {
	for name, header := range map[string]map[string][]string{
		"no headers":      nil,
		"no type":         {"ce-id": {"x.1"}},
		"no values":       {"ce-type": {}},
		"another product": {"ce-type": {"com.example.command.completed.v1"}},
		"another version": {"ce-type": {"devicebridge.command.completed.v2"}},
		"a third version": {"ce-type": {"devicebridge.command.deferred.v3"}},
		"no kind":         {"ce-type": {"devicebridge.command..v1"}},
		"too short":       {"ce-type": {"devicebridge.command.v1"}},
	} {
		if kind, _, err := events.Decode(header, []byte(`{}`)); err == nil {
			t.Errorf("%s gives %s", name, kind)
		}
	}
	header := map[string][]string{"ce-type": {"devicebridge.command.completed.v1"}, "ce-id": {"x.1"}}
	for _, body := range []string{"", "{", "[]", `"x"`, `{"sequence":"1"}`, `{"createdAt":"yesterday"}`} {
		if _, _, err := events.Decode(header, []byte(body)); err == nil || !strings.Contains(err.Error(), "x.1") {
			t.Errorf("%s: error %v", body, err)
		}
	}
}
