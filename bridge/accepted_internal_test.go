package bridge

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/decode"
	"devicebridge/events"
	"devicebridge/schemas/validate"
)

// acceptedCase is a body that is taken, and its normal form.
type acceptedCase struct{ name, body, normal string }

func acceptances() []acceptedCase {
	var cases []acceptedCase
	// The spellings of Graph's send-device-command page and of its examples.
	for _, spelling := range []string{"launchUri", "LaunchUri", "LaunchURI", "launchuri", "LAUNCHURI"} {
		cases = append(cases, acceptedCase{"type " + spelling, with(validLaunch, `"type":"`+spelling+`"`), validLaunch})
	}
	for _, spelling := range []string{"appService", "AppService", "appservice", "AppServices", "APPSERVICES"} {
		cases = append(cases, acceptedCase{"type " + spelling, with(validCall, `"type":"`+spelling+`"`), validCall})
	}
	for written, normal := range map[string]string{
		"10m": "10m0s", "+10m": "10m0s", "0h10m": "10m0s", "1.5h": "1h30m0s", ".5s": "500ms", "72h": "72h0m0s", "1us": "1µs",
	} {
		cases = append(cases, acceptedCase{
			"expiry " + written, with(validLaunch, `"expiresIn":"`+written+`"`), with(validLaunch, `"expiresIn":"`+normal+`"`),
		})
	}
	id256, device256 := strings.Repeat("x", 256), strings.Repeat("-", 256)
	name512 := strings.Repeat("n", 512)
	return append(cases,
		acceptedCase{"a long spelling of a duration", with(validLaunch, `"expiresIn":"`+strings.Repeat("1s", 40)+`"`),
			with(validLaunch, `"expiresIn":"40s"`)},
		acceptedCase{"everything", `{"requestId":"r","correlationId":"ü / *.>","deviceId":"a.b*:@","type":"AppService","payload":{"x":[1,null]},` +
			`"appServiceName":"a","packageFamilyName":"p","expiresIn":"1h","retryOf":"xm2igitaea4d34ipad5wcv3kzi"}`,
			`{"requestId":"r","correlationId":"ü / *.>","deviceId":"a.b*:@","type":"appService","payload":{"x":[1,null]},` +
				`"appServiceName":"a","packageFamilyName":"p","expiresIn":"1h0m0s","retryOf":"xm2igitaea4d34ipad5wcv3kzi"}`},
		acceptedCase{"longest ids", `{"requestId":"` + id256 + `","correlationId":"` + id256 + `","deviceId":"` + device256 + `","type":"launchUri","payload":{"uri":"a:"}}`,
			`{"requestId":"` + id256 + `","correlationId":"` + id256 + `","deviceId":"` + device256 + `","type":"launchUri","payload":{"uri":"a:"}}`},
		acceptedCase{"longest names", with(with(validCall, `"appServiceName":"`+name512+`"`), `"packageFamilyName":"`+name512+`"`),
			with(with(validCall, `"appServiceName":"`+name512+`"`), `"packageFamilyName":"`+name512+`"`)},
		acceptedCase{"spaces", " {\n\"deviceId\": \"d\", \"type\":\t\"launchUri\", \"payload\": { \"uri\": \"https://example.com/\" } }\n", validLaunch},
		acceptedCase{"another scheme", with(validLaunch, `"payload":{"uri":"ms-settings:display"}`), with(validLaunch, `"payload":{"uri":"ms-settings:display"}`)},
		acceptedCase{"further members of the payload", with(validLaunch, `"payload":{"uri":"a:b", "x": 1.50}`), with(validLaunch, `"payload":{"uri":"a:b","x":1.50}`)},
	)
}

func TestAcceptances(t *testing.T) {
	set, err := validate.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range acceptances() {
		t.Run(c.name, func(t *testing.T) {
			got, fault := readRequest(nil, []byte(c.body), 72*time.Hour)
			if fault != nil {
				t.Fatal(fault)
			}
			var want events.Request
			if err := json.Unmarshal([]byte(c.normal), &want); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Errorf("normal form\n%q, want\n%q", got, want)
			}
			if err := set.Validate("request", []byte(c.body)); err != nil {
				t.Errorf("the schema refuses it: %v", err)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	digest := func(body string) string {
		t.Helper()
		r, fault := readRequest(nil, []byte(body), 72*time.Hour)
		if fault != nil {
			t.Fatalf("%s: %v", body, fault)
		}
		return fingerprint("command", r)
	}
	payload := func(json string) string { return with(validCall, `"payload":`+json) }
	same := map[string][2]string{
		"member order":           {validLaunch, `{"payload":{"uri":"https://example.com/"},"type":"launchUri","deviceId":"d"}`},
		"white space":            {validLaunch, strings.ReplaceAll(validLaunch, `":`, "\" :\n")},
		"casing of the type":     {validLaunch, with(validLaunch, `"type":"LaunchURI"`)},
		"plural of the type":     {validCall, with(validCall, `"type":"AppServices"`)},
		"spelling of the expiry": {with(validLaunch, `"expiresIn":"90m"`), with(validLaunch, `"expiresIn":"1h30m"`)},
		"order in the payload":   {payload(`{"a":{"x":1,"y":2},"b":3}`), payload(`{ "b":3, "a":{"y":2,"x":1}}`)},
		"escapes":                {payload(`{"a":"\u0041\/<"}`), payload(`{"\u0061":"A/\u003c"}`)},
		"number text":            {payload(`{"a":12345678901234567890.10}`), payload(`{ "a" : 12345678901234567890.10 }`)},
		"request id":             {with(validLaunch, `"requestId":"a"`), with(validLaunch, `"requestId":"b"`)},
		"correlation id":         {with(validLaunch, `"correlationId":"a"`), validLaunch},
	}
	for name, pair := range same {
		if digest(pair[0]) != digest(pair[1]) {
			t.Errorf("%s makes a difference", name)
		}
	}
	different := map[string][2]string{
		"device":            {validLaunch, with(validLaunch, `"deviceId":"D"`)},
		"type":              {validCall, `{"deviceId":"d","type":"launchUri","payload":{"uri":"a:"}}`},
		"payload":           {payload(`{"a":1}`), payload(`{"a":2}`)},
		"order of a list":   {payload(`{"a":[1,2]}`), payload(`{"a":[2,1]}`)},
		"digits of a float": {payload(`{"a":12345678901234567890}`), payload(`{"a":12345678901234567891}`)},
		"string or number":  {payload(`{"a":"1"}`), payload(`{"a":1}`)},
		"null or absent":    {payload(`{"a":null}`), payload(`{}`)},
		"app service":       {validCall, with(validCall, `"appServiceName":"b"`)},
		"package":           {validCall, with(validCall, `"packageFamilyName":"q"`)},
		"expiry":            {validLaunch, with(validLaunch, `"expiresIn":"1h"`)},
		"retryOf":           {validLaunch, with(validLaunch, `"retryOf":"xm2igitaea4d34ipad5wcv3kzi"`)},
	}
	for name, pair := range different {
		if digest(pair[0]) == digest(pair[1]) {
			t.Errorf("%s makes no difference", name)
		}
	}
	r := events.Request{DeviceID: "d"}
	if fingerprint("command", r) == fingerprint("callback", r) {
		t.Error("a command and a callback have one fingerprint")
	}
	if got := fingerprint("command", r); len(got) != 64 || strings.Trim(got, "0123456789abcdef") != "" {
		t.Errorf("fingerprint %q is no SHA-256 in hex", got)
	}
}

// FuzzReadRequest holds, for any body: what is taken has a normal form that is
// taken again unchanged, with the same fingerprint, and that fits the schema.
func FuzzReadRequest(f *testing.F) {
	for _, c := range refusals() {
		f.Add([]byte(c.body))
	}
	for _, c := range acceptances() {
		f.Add([]byte(c.body))
	}
	set, err := validate.Compile()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, fault := readRequest(nil, body, 72*time.Hour)
		if fault != nil {
			if fault.Code != events.CodeInvalid || fault.Message == "" || len(fault.Field) > decode.MaxName {
				t.Errorf("refusal %+v", fault)
			}
			return
		}
		normal, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, fault := readRequest(nil, normal, 72*time.Hour)
		if fault != nil {
			t.Fatalf("the normal form %s is refused: %v", normal, fault)
		}
		if fingerprint("command", r) != fingerprint("command", again) {
			t.Errorf("the normal form %s has another fingerprint", normal)
		}
		if err := set.Validate("request", normal); err != nil {
			t.Errorf("the schema refuses the normal form %s: %v", normal, err)
		}
	})
}
