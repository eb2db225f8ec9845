package events_test

import (
	"encoding/json"
	"strings"
	"testing"

	"devicebridge/events"
)

// required are the members that every record has, so that the expected texts
// below show only what they are about.
const required = `"id":"x","deviceId":"","state":"","terminal":false,"round":0,"response":"","sequence":0,"attempt":0,"source":"",` +
	`"createdAt":"0001-01-01T00:00:00Z","updatedAt":"0001-01-01T00:00:00Z","expiresAt":"0001-01-01T00:00:00Z"`

// reencode decodes the body of an event and encodes it again.
func reencode(t *testing.T, body string) string {
	t.Helper()
	kind, c, err := events.Decode(map[string][]string{"ce-type": {"devicebridge.command.completed.v1"}}, []byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	_, again := encode(t, kind, c)
	return string(again)
}

func TestUnknownMembersAreKept(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"none":                     {`{"id":"x"}`, `{` + required + `}`},
		"sorted by name":           {`{"z":1,"id":"x","a":2}`, `{` + required + `,"a":2,"z":1}`},
		"any value":                {`{"id":"x","a":null,"b":{"c":[true,{}]},"d":""}`, `{` + required + `,"a":null,"b":{"c":[true,{}]},"d":""}`},
		"numbers as they are":      {`{"id":"x","n":12345678901234567890.10}`, `{` + required + `,"n":12345678901234567890.10}`},
		"texts as they are":        {`{"id":"x","u":"https://e.com/?a=1&b=<2>\u003c"}`, `{` + required + `,"u":"https://e.com/?a=1&b=<2>\u003c"}`},
		"without space":            {"{ \"id\" : \"x\",\n\t\"a\" : [ 1, 2 ] }\n", `{` + required + `,"a":[1,2]}`},
		"odd names":                {`{"id":"x","":1,"a\"b":2,"unknown":3,"-":4}`, `{` + required + `,"":1,"-":4,"a\"b":2,"unknown":3}`},
		"twice: the last counts":   {`{"id":"x","a":1,"a":2}`, `{` + required + `,"a":2}`},
		"another case, another":    {`{"id":"x","a":1,"A":2}`, `{` + required + `,"A":2,"a":1}`},
		"a known one twice":        {`{"id":"y","a":1,"id":"x"}`, `{` + required + `,"a":1}`},
		"a known one in any case":  {`{"ID":"x","DeviceId":"","a":1}`, `{` + required + `,"a":1}`},
		"a known one in two cases": {`{"id":"y","a":1,"Id":"x"}`, `{` + required + `,"a":1}`},
	} {
		got := reencode(t, test.in)
		if got != test.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, test.want)
		}
		if again := reencode(t, got); again != got {
			t.Errorf("%s: the second time\n%s, want\n%s", name, again, got)
		}
	}
}

func TestUnknownMembersAreKeptInDepth(t *testing.T) {
	const deep = `"error":{"code":"c","message":"m","hint":"<h>"},` +
		`"responseRef":{"bucket":"b","name":"n","size":1,"sha256":"s","codec":"zstd"}`
	got := reencode(t, `{"id":"x",`+deep+`,"mood":"good"}`)
	for _, want := range []string{`"hint":"<h>"}`, `"codec":"zstd"}`, `"mood":"good"}`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if again := reencode(t, strings.ReplaceAll(got, `"error"`, `"error":{"code":"old","gone":1},"error"`)); again != got {
		t.Errorf("of an error that comes twice, something is left of the first:\n%s, want\n%s", again, got)
	}
}

func TestUnknownMembersAreKeptInAReply(t *testing.T) {
	const body = `{"command":{` + required + `,"mood":"<good>"},"events":"e"}`
	var receipt events.Receipt
	if err := json.Unmarshal([]byte(body), &receipt); err != nil {
		t.Fatal(err)
	}
	if got, err := events.Marshal(receipt); err != nil || string(got) != body {
		t.Errorf("%s, %v, want\n%s", got, err, body)
	}
	if got, err := json.Marshal(receipt); err != nil || !strings.Contains(string(got), `"mood":"\u003cgood\u003e"`) {
		t.Errorf("with json.Marshal: %s, %v", got, err)
	}
}

func TestWhatARecordHeldBeforeIsGone(t *testing.T) {
	c := full()
	if err := json.Unmarshal([]byte(`{"id":"x","mood":"good"}`), &c); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"id":"x"}`), &c); err != nil {
		t.Fatal(err)
	}
	if got, err := events.Marshal(c); err != nil || string(got) != `{`+required+`}` {
		t.Errorf("%s, %v", got, err)
	}
}

// Without the unknown members in the comparison, a test that compares errors
// would not see that one was dropped.
func TestUnknownMembersCompare(t *testing.T) {
	read := func(text string) events.Error {
		var e events.Error
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	if read(`{"code":"c","a":1,"b":2}`) != read(`{"b":2,"a":1,"code":"c"}`) {
		t.Error("the order of the members makes a difference")
	}
	if read(`{"code":"c","a":1}`) == read(`{"code":"c"}`) {
		t.Error("an unknown member makes no difference")
	}
}

func TestUnknownMembersHideNoFault(t *testing.T) {
	header := map[string][]string{"ce-type": {"devicebridge.command.completed.v1"}, "ce-id": {"x.1"}}
	for _, body := range []string{
		`{"a":1,"sequence":"1"}`, `{"sequence":"1","a":1}`, `{"error":{"a":1,"code":2}}`, `{"responseRef":{"a":1,"size":"2"}}`,
		`{"a":1}{"b":2}`, `{"id":"x"}{"id":"y"}`, `{"id":"x"} y`, `{"a":1,}`, `{"a":}`, `[{"a":1}]`,
	} {
		if _, c, err := events.Decode(header, []byte(body)); err == nil {
			t.Errorf("%s gives %+v", body, c)
		}
	}
}
