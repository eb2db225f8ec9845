package events

import (
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzLookThrough holds the quick look through a body against the full reading of
// it, which is by encoding/json alone.
func FuzzLookThrough(f *testing.F) {
	for _, body := range []string{
		`{"id":"7","status":"retry","error":{"code":"a"},"payload":{"uri":"x"},"responsePayload":[1,{"b":"}"}]}`,
		` { "ID" : "null" , "actionStatus" : null , "Status":"a" , "VALUE" : [ { } ] } `, `{"st\u0061tus":"x"}`,
		`{"status":"a","STATUS":"b"}`, `{"status":"a","status":null}`, `{"\u0130d":"x","İd":"y"}`, `{"":{"id":1},"id":-0.5e+3}`,
		"{}", "[]", `"x"`, "{", `{"id":"a\"b","status":"\ud800"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !utf8.Valid(body) {
			return // refused before
		}
		quick, once := lookThrough(body)
		if !once {
			return
		}
		object, err := members(body)
		if err != nil {
			t.Fatalf("%s is looked through, but %v", body, err)
		}
		status := object["status"]
		if status == nil {
			status = object["actionstatus"]
		}
		full := report{
			status: status, id: object["id"], failure: object["error"],
			payload: object["responsepayload"], value: object["value"], body: body,
		}
		if !reflect.DeepEqual(quick, full) {
			t.Errorf("%s: %s and %s", body, quick, full)
		}
	})
}
