package events_test

import (
	"bytes"
	"testing"

	natsce "github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/nats-io/nats.go"

	"devicebridge/events"
)

// TestCloudEventsSDKReadsEvents lets the CloudEvents project's own Go library
// read events, as a subscriber would, whatever the caller's texts are.
func TestCloudEventsSDKReadsEvents(t *testing.T) {
	for _, text := range []string{
		"6841b3db-2b55-467b-ad84-79a41a4ef665", "a.b *>", "100 %", "%2E", "Grüße", "😀", `"quoted"`, "a\r\nce-id: forged", "\x00", "/commands/", "+",
	} {
		for _, kind := range events.Kinds() {
			c := full()
			c.DeviceID, c.CorrelationID = text, text
			checkSDK(t, kind, c)
		}
	}
	c := full()
	c.DeviceID, c.CorrelationID = "", ""
	checkSDK(t, "rejected", c)
}

func checkSDK(t *testing.T, kind events.Kind, c events.Command) {
	t.Helper()
	header, body := encode(t, kind, c)
	header[events.HeaderWriter] = []string{"Xr0mBzfWcTg8BsyXHXqMTW"}
	message := natsce.NewMessage(&nats.Msg{Subject: events.Subjects{}.Event(c.ID, c.DeviceID, kind), Header: header, Data: body})
	if message.ReadEncoding() != binding.EncodingBinary {
		t.Fatalf("%q: encoding %s", c.DeviceID, message.ReadEncoding())
	}
	e, err := binding.ToEvent(t.Context(), message)
	if err != nil {
		t.Fatalf("%q: %v", c.DeviceID, err)
	}
	if err := e.Validate(); err != nil {
		t.Errorf("%q: %v", c.DeviceID, err)
	}
	for name, pair := range map[string][2]string{
		"specversion":     {e.SpecVersion(), "1.0"},
		"id":              {e.ID(), c.EventID()},
		"type":            {e.Type(), events.EventType(kind)},
		"source":          {e.Source(), "urn:devicebridge:devicebridge.v1"},
		"subject":         {events.HeaderUnescape(e.Subject()), wantSubject(c)},
		"dataschema":      {e.DataSchema(), events.CommandSchema},
		"datacontenttype": {e.DataContentType(), "application/json"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%q: %s is %q, want %q", c.DeviceID, name, pair[0], pair[1])
		}
	}
	if !e.Time().Equal(c.UpdatedAt) || !bytes.Equal(e.Data(), body) {
		t.Errorf("%q: time %s, data %s", c.DeviceID, e.Time(), e.Data())
	}
	extensions := e.Extensions()
	if extensions["sequence"] != "00000000000000000017" {
		t.Errorf("%q: sequence is %v", c.DeviceID, extensions["sequence"])
	}
	if id, has := extensions["correlationid"].(string); has != (c.CorrelationID != "") || events.HeaderUnescape(id) != c.CorrelationID {
		t.Errorf("correlationid is %q, want %q", id, c.CorrelationID)
	}
}
