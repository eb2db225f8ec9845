package bridge

import (
	"encoding/json"
	"reflect"
	"testing"

	"devicebridge/bridge/decode"
	"devicebridge/events"
)

// FuzzQuickRequest holds the quick ways of reading a request against the full ones:
// what they take they take as those do.
func FuzzQuickRequest(f *testing.F) {
	for _, seed := range []string{
		`{"deviceId":"d","type":"launchUri","payload":{"uri":"https://example.com/?a=1&b=<2>"}}`,
		`{"requestId":"r","correlationId":"c","deviceId":"d","type":"appService","payload":{"b":1.0,"a":{"z":1,"a":[]}},` +
			`"appServiceName":"n","packageFamilyName":"p","expiresIn":"10m","retryOf":"x"}`,
		` {"deviceId" : "d" , "payload" : { "uri" : "x y" } } `, `{"deviceId":""}`, `{"deviceId":null}`, `{"payload":null}`, `{"payload":""}`,
		`{"deviceId":"a","deviceId":"b"}`, `{"DeviceId":"a"}`, `{"deviceId":7}`, `{"device\u0049d":"a"}`, `{"deviceId":"\ud800"}`,
		"{\"deviceId\":\"\xff\"}", "{\"payload\":{\"uri\":\"\u2028\u2029\u007f\"}}", `{"payload":{"uri":"a","uri":"b"}}`, `{"payload":{"b":"","a":""}}`,
		`{"payload":{"x":"\u0061"}}`, `{}`, `null`, `[]`, ``, `{`, `{"other":1}`, `{"payload":{"":""}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		quick, usual := quickRequest(data)
		full, fault := decode.Strict[events.Request](data)
		if usual && (fault != nil || !reflect.DeepEqual(quick, full)) {
			t.Fatalf("%s is %+v, want %+v, %v", data, quick, full, fault)
		}
		if fault != nil || full.Payload == nil {
			return
		}
		if quick, full := escaped(t, canonical(full.Payload)), escaped(t, sorted(full.Payload)); quick != full {
			t.Fatalf("%s has the digest of %s, want that of %s", data, quick, full)
		}
		uri, fault := payloadURI(full.Payload)
		var members map[string]json.RawMessage
		if err := json.Unmarshal(full.Payload, &members); fault == nil && (err != nil || string(uri) != string(members["uri"])) {
			t.Fatalf("%s has the URI %s, want %s, %v", data, uri, members["uri"], err)
		}
		if name, twice := decode.RepeatedMember(full.Payload); fault == nil && twice {
			t.Fatalf("%s is taken, with %q twice", data, name)
		}
	})
}

// escaped gives a payload as fingerprint has it.
func escaped(t *testing.T, payload json.RawMessage) string {
	text, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestQuickRequestTakesTheUsual(t *testing.T) {
	r, usual := quickRequest([]byte(`{"deviceId":"d","type":"launchUri","payload":{"uri":"https://example.com/"},"expiresIn":"10m"}`))
	if !usual || r.DeviceID != "d" || !isCanonical(r.Payload) {
		t.Errorf("%+v, %t", r, usual)
	}
}
