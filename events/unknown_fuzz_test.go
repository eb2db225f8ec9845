package events_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"devicebridge/events"
)

// FuzzUnknownMembersAreKept writes again whatever reads as a record: every member
// without a field of its own is there again, and nothing changes any more.
func FuzzUnknownMembersAreKept(f *testing.F) {
	_, body, err := events.Subjects{}.Encode("deferred", full())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(body), `{"id":"x","mood":"good"}`, `{"State":"a","state":"b","\u017feen":[],"a":1,"A":2}`, `{"a":1,"a":2}`, `null`,
		`{"error":{"hint":1},"responseRef":{"codec":"zstd"}}`, "{\"\xff\":\"\xff\"}", `{"a":{"b":[1e400,"\ud800"]}} `,
	} {
		f.Add([]byte(seed))
	}
	header := map[string][]string{"ce-type": {"devicebridge.command.linked.v1"}}
	known := slices.Collect(fields(reflect.ValueOf(full())))
	f.Fuzz(func(t *testing.T, body []byte) {
		kind, c, err := events.Decode(header, body)
		if err != nil {
			return
		}
		_, once := encode(t, kind, c)
		_, c, err = events.Decode(header, once)
		if err != nil {
			t.Fatalf("%s is written as %s: %v", body, once, err)
		}
		if _, twice := encode(t, kind, c); string(twice) != string(once) {
			t.Fatalf("%s is written as\n%s and that as\n%s", body, once, twice)
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal(body, &before) != nil || json.Unmarshal(once, &after) != nil {
			t.Fatalf("%s is written as %s", body, once)
		}
		for name, value := range before {
			isKnown := slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
			if !isKnown && string(events.Compact(value)) != string(after[name]) {
				t.Fatalf("%q is %s and is written as %s", name, value, after[name])
			}
		}
	})
}
